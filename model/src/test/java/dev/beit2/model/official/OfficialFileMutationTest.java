package dev.beit2.model.official;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.PthFile;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Thousands of changes to sound files: each is refused in one line, or gives what the sound file
 * gives. A zip archive has checksums. A file from before them has none, so there another number may
 * be read.
 */
class OfficialFileMutationTest {
  private static final int CHANGES = 500;

  /** One random change. */
  private static byte[] mutate(byte[] sound, SplittableRandom random) {
    byte[] changed = sound.clone();
    int at = random.nextInt(sound.length);
    switch (random.nextInt(6)) {
      case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> changed[at] = (byte) random.nextInt(256);
      case 2 -> changed = Arrays.copyOf(sound, at);
      case 3 -> Arrays.fill(changed, at, Math.min(sound.length, at + 64), (byte) 0);
      case 4 -> { // a part of the file twice
        int length = Math.min(random.nextInt(1, 100), sound.length - at);
        System.arraycopy(sound, at, changed, random.nextInt(sound.length - length), length);
      }
      default -> { // a large number
        for (int i = at; i < Math.min(sound.length, at + 1 + random.nextInt(8)); i++) {
          changed[i] = (byte) 0xff;
        }
      }
    }
    return changed;
  }

  private static byte[] converted(byte[] pth) throws IOException {
    return PthFile.all(OfficialFile.asSafetensors(PthFile.channel(pth)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tokenizer",
        "tokenizer-legacy",
        "pretrained-fp16",
        "pretrained-bf16-legacy",
        "pretrained-views",
        "fine-tuned"
      })
  void changedFiles(String name) throws IOException {
    byte[] sound = PthFile.resource(name);
    byte[] wanted = converted(sound);
    boolean checksums = !name.endsWith("legacy");
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < CHANGES; i++) {
      byte[] changed = mutate(sound, random);
      // Without PyTorch's first bytes it is another format's.
      System.arraycopy(sound, 0, changed, 0, Math.min(4, changed.length));
      try {
        byte[] found = converted(changed);
        assertEquals(wanted.length, found.length);
        if (checksums && !name.endsWith("views")) {
          assertArrayEquals(wanted, found);
        }
      } catch (InvalidCheckpointException e) {
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().length() < 2000, e.getMessage());
      } catch (RuntimeException | AssertionError | StackOverflowError | OutOfMemoryError e) {
        throw new AssertionError("change " + i, e);
      }
    }
  }
}
