package dev.beit2.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.checkpoint.PthFile.Pickle;
import dev.beit2.model.checkpoint.WeightsFile.Source;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;

/** Files of PyTorch, sound and hostile: each is read right, or refused in one line. */
class WeightsFileTest {
  /** Twelve numbers, from 0 on. */
  private static final byte[] NUMBERS = numbers(12);

  private static byte[] numbers(int count) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putFloat(i);
    }
    return bytes.array();
  }

  /** The numbers of the tensor w [2, 3] of a file. */
  private static float[] read(byte[] pth) throws IOException {
    Layout layout = new Layout(Map.of("w", Layout.Tensor.floats(List.of(2L, 3L), true)));
    byte[] file =
        PthFile.all(
            WeightsFile.read(PthFile.channel(pth))
                .asSafetensors(Map.of(), layout, Source::of, name -> name.startsWith("ignored")));
    float[] values = new float[6];
    ByteBuffer.wrap(file, file.length - 24, 24)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(values);
    return values;
  }

  private static byte[] zip(Pickle pickle) {
    return PthFile.zip(pickle.end(), Map.of("data/0", NUMBERS));
  }

  private static Pickle w() {
    return new Pickle().dict().text("w");
  }

  private static Pickle view(long size, long offset, List<Long> shape, List<Long> strides) {
    return w().tensor("FloatStorage", size, offset, shape, strides).setItem();
  }

  private static void assertRead(byte[] pth, float... wanted) throws IOException {
    assertArrayEquals(wanted, read(pth));
  }

  private static void assertRefused(String why, byte[] pth) {
    String message = assertThrows(InvalidCheckpointException.class, () -> read(pth)).getMessage();
    assertTrue(message.contains(why), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void viewsOfAStorage() throws IOException {
    List<Long> shape = List.of(2L, 3L);
    assertRead(zip(view(12, 0, shape, List.of(3L, 1L))), 0, 1, 2, 3, 4, 5);
    assertRead(zip(view(12, 6, shape, List.of(3L, 1L))), 6, 7, 8, 9, 10, 11);
    assertRead(zip(view(12, 1, shape, List.of(1L, 2L))), 1, 3, 5, 2, 4, 6);
    assertRead(zip(view(12, 2, shape, List.of(0L, 0L))), 2, 2, 2, 2, 2, 2);
    assertRead(zip(view(12, 4, shape, List.of(1L, 1L))), 4, 5, 6, 5, 6, 7);
  }

  @Test
  void viewsThatLeaveTheirStorage() {
    List<Long> shape = List.of(2L, 3L);
    for (Pickle view :
        List.of(
            view(12, 7, shape, List.of(3L, 1L)),
            view(12, -1, shape, List.of(3L, 1L)),
            view(12, 11, shape, List.of(-3L, -1L)),
            view(12, 0, shape, List.of(10L, 1L)),
            view(12, 0, shape, List.of(Long.MAX_VALUE, 2L)),
            view(12, Long.MAX_VALUE, shape, List.of(3L, 1L)),
            view(13, 0, shape, List.of(3L, 1L)),
            view(1L << 61, 0, shape, List.of(3L, 1L)),
            view(-12, 0, shape, List.of(3L, 1L)))) {
      assertRefused("found w of [2, 3] with strides", zip(view));
    }
    assertRefused("found no numbers of w", PthFile.zip(view(12, 0, shape, shape).end(), Map.of()));
  }

  @Test
  void tensorsOfMoreThanTheFileHas() {
    long many = 1L << 31;
    Layout layout = new Layout(Map.of("w", Layout.Tensor.floats(List.of(many), true)));
    byte[] pth = zip(view(12, 0, List.of(many), List.of(0L)));
    String message =
        assertThrows(
                InvalidCheckpointException.class,
                () ->
                    WeightsFile.read(PthFile.channel(pth))
                        .asSafetensors(Map.of(), layout, Source::of, name -> false))
            .getMessage();
    assertTrue(message.contains("in a file of " + pth.length + " bytes"), message);
  }

  @Test
  void shapesThatAreNone() {
    assertRefused(
        "found w F32 of [3]; wanted F32 of [2, 3]", zip(view(12, 0, List.of(3L), List.of(1L))));
    assertRefused(
        "found w I64 of [2, 3]",
        zip(w().tensor("LongStorage", 6, 0, List.of(2L, 3L), List.of(3L, 1L)).setItem()));
    assertRefused(
        "found w ComplexFloatStorage of",
        zip(w().tensor("ComplexFloatStorage", 6, 0, List.of(2L, 3L), List.of(3L, 1L)).setItem()));
    // Of another number of strides, or of nine dimensions, it is no tensor.
    assertRefused("found no tensor w", zip(view(12, 0, List.of(2L, 3L), List.of(1L))));
    List<Long> nine = List.of(1L, 1L, 1L, 1L, 1L, 1L, 1L, 2L, 3L);
    assertRefused("found no tensor w", zip(view(12, 0, nine, nine)));
  }

  /** A call is only a placeholder: the file is made, and no process starts. */
  @Test
  void callsAreNotMade() throws IOException {
    Pickle call =
        w().tensor("FloatStorage", 12, 0, List.of(2L, 3L), List.of(3L, 1L))
            .setItem()
            .text("ignored")
            .global("posix", "system")
            .text("touch beit2-called")
            .raw(0x85, 'R')
            .setItem()
            .text("ignored.too")
            .global("builtins", "eval")
            .raw(')', 0x81)
            .dict()
            .raw('b')
            .setItem();
    assertRead(zip(call), 0, 1, 2, 3, 4, 5);
    assertFalse(Files.exists(Path.of("beit2-called")));

    assertRefused(
        "found no tensor w", zip(w().global("torch", "load").text("x").raw(0x85, 'R').setItem()));
    assertRefused("found no state dict", zip(new Pickle().global("os", "system").raw(')', 'R')));
  }

  @Test
  void somethingElseThanATensorIsNamed() {
    Pickle pickle = view(12, 0, List.of(2L, 3L), List.of(3L, 1L)).text("x").text("y").setItem();
    assertRefused("found x, which is no tensor", zip(pickle));
  }

  /** Ten levels of ten references each would be ten billion objects if anyone walked through. */
  @Test
  void memoBombs() throws IOException {
    Pickle bomb = w().tensor("FloatStorage", 12, 0, List.of(2L, 3L), List.of(3L, 1L)).setItem();
    bomb.text("ignored").raw(']', 'q', 0, '0');
    for (int level = 1; level <= 10; level++) {
      bomb.raw('(');
      for (int i = 0; i < 10; i++) {
        bomb.raw('h', level - 1);
      }
      bomb.raw('t', 'q', level, '0');
    }
    assertRead(zip(bomb.raw('h', 10).setItem()), 0, 1, 2, 3, 4, 5);

    // A list and a dict that contain themselves, also as the dict's own key.
    Pickle itself = w().tensor("FloatStorage", 12, 0, List.of(2L, 3L), List.of(3L, 1L)).setItem();
    itself.text("ignored").raw(']', 'q', 1, 'h', 1, 'a').setItem();
    itself.raw('q', 2, 'h', 2, 'h', 2).setItem();
    assertRead(zip(itself), 0, 1, 2, 3, 4, 5);
  }

  @Test
  void deepNesting() throws IOException {
    Pickle deep = w().tensor("FloatStorage", 12, 0, List.of(2L, 3L), List.of(3L, 1L)).setItem();
    deep.text("ignored").raw(')');
    for (int i = 0; i < 200_000; i++) {
      deep.raw(0x85);
    }
    assertRead(zip(deep.setItem()), 0, 1, 2, 3, 4, 5);

    Pickle deeper = new Pickle().raw(')');
    for (int i = 0; i < 2_000_000; i++) {
      deeper.raw(0x85);
    }
    assertRefused("it is longer than that of any state dict", zip(deeper));
    assertRefused("its data.pkl has", PthFile.zip(new byte[1 << 25], Map.of()));
  }

  /** Claims of 2 GB in ten bytes: nothing is allocated before the file was found to have them. */
  @Test
  void claimsOfMoreThanThereIs() {
    for (int instruction : new int[] {'X', 'T', 'B', 0x8b}) {
      assertRefused(
          "the file ends early", zip(new Pickle().raw(instruction).int32(Integer.MAX_VALUE)));
      assertRefused("the file ends early", zip(new Pickle().raw(instruction).int32(-1)));
    }
    for (int instruction : new int[] {0x8d, 0x8e, 0x96}) {
      assertRefused(
          "the file ends early", zip(new Pickle().raw(instruction).int32(-1).int32(0x7fffffff)));
      assertRefused("the file ends early", zip(new Pickle().raw(instruction).int32(-1).int32(-1)));
    }
    assertRefused("the file ends early", zip(new Pickle().raw(0x8a, 255)));
  }

  @Test
  void picklesThatAreNone() {
    for (int instruction : "0teasubRQ".chars().toArray()) {
      assertRefused("lacks its operands", zip(new Pickle().raw(instruction)));
    }
    assertRefused("not there", zip(new Pickle().raw('h', 3)));
    assertRefused("lacks its value", zip(new Pickle().raw('}', '(', 'N', 'u')));
    assertRefused("instruction 0x53", zip(new Pickle().raw('S')));
    assertRefused("the file ends early", PthFile.zip(new byte[] {(byte) 0x80, 2}, Map.of()));
    assertRefused("more than 1024 bytes", zip(new Pickle().global("x".repeat(2000), "y")));
    assertRefused("found no state dict", zip(new Pickle().raw('N')));
  }

  @Test
  void zipsThatAreNotOfPyTorch() throws IOException {
    byte[] sound = zip(view(12, 0, List.of(2L, 3L), List.of(3L, 1L)));
    assertRead(sound, 0, 1, 2, 3, 4, 5);
    byte[] pickle = view(12, 0, List.of(2L, 3L), List.of(3L, 1L)).end();

    assertRefused(
        "big-endian",
        PthFile.zip(pickle, Map.of("data/0", NUMBERS, "byteorder", new byte[] {'b', 'i', 'g'})));
    Map<String, byte[]> two = new LinkedHashMap<>();
    two.put("a/data.pkl", pickle);
    two.put("b/data.pkl", pickle);
    assertRefused("2 entries are named data.pkl", PthFile.zip(two));
    assertRefused("0 entries are named data.pkl", PthFile.zip(Map.of("data.pkl", pickle)));
    assertRefused("its end is missing", Arrays.copyOf(sound, sound.length - 1));

    byte[] damaged = sound.clone();
    damaged[indexOf(damaged, NUMBERS) + 40] ^= 1; // not in w, but in its storage
    assertRead(damaged, 0, 1, 2, 3, 4, 5);
    byte[] whole = zip(view(12, 0, List.of(2L, 3L), List.of(6L, 1L)));
    byte[] all =
        PthFile.zip(
            view(6, 0, List.of(2L, 3L), List.of(3L, 1L)).end(), Map.of("data/0", numbers(6)));
    assertRead(all, 0, 1, 2, 3, 4, 5);
    all[indexOf(all, numbers(6)) + 4] ^= 1;
    assertRefused("found w damaged: its checksum is", all);
    assertRead(whole, 0, 1, 2, 6, 7, 8);
    damaged = sound.clone();
    damaged[indexOf(damaged, pickle) + 20] ^= 1;
    assertRefused("its data.pkl is damaged", damaged);
  }

  private static int indexOf(byte[] in, byte[] wanted) {
    for (int i = 0; i + wanted.length <= in.length; i++) {
      if (Arrays.equals(in, i, i + wanted.length, wanted, 0, wanted.length)) {
        return i;
      }
    }
    throw new AssertionError("not there");
  }

  @Test
  void compressedAndDoubleEntries() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(new ZipEntry("archive/data.pkl"));
      zip.write(new byte[1 << 20]);
    }
    assertRefused("archive/data.pkl is compressed", bytes.toByteArray());

    byte[] pickle = view(12, 0, List.of(2L, 3L), List.of(3L, 1L)).end();
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("archive/data.pkl", pickle);
    entries.put("archive/data/0", NUMBERS);
    entries.put("archive/data/1", numbers(11));
    byte[] twice = PthFile.zip(entries);
    for (int i = 0; i < twice.length; i++) {
      if (twice[i] == '1' && twice[i - 1] == '/' && twice[i - 2] == 'a') {
        twice[i] = '0';
      }
    }
    assertRefused("it has archive/data/0 twice", twice);
  }

  /** Magic number, protocol and system as PyTorch writes them, and what follows. */
  private static byte[] legacy(boolean little, Pickle object, Pickle keys, byte[] storages) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(
        new Pickle()
            .raw(0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)
            .end());
    out.writeBytes(new Pickle().raw('M', 0xe9, 3).end());
    out.writeBytes(
        new Pickle().dict().text("little_endian").raw(little ? 0x88 : 0x89).setItem().end());
    out.writeBytes(object.end());
    out.writeBytes(keys.end());
    out.writeBytes(storages);
    return out.toByteArray();
  }

  private static byte[] sized(long size) {
    return ByteBuffer.allocate(8 + NUMBERS.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(size)
        .put(NUMBERS)
        .array();
  }

  @Test
  void filesFromBeforeZip() throws IOException {
    List<Long> shape = List.of(2L, 3L);
    List<Long> strides = List.of(3L, 1L);
    assertRead(legacy(true, view(12, 3, shape, strides), keys("0"), sized(12)), 3, 4, 5, 6, 7, 8);
    assertRefused("big-endian", legacy(false, view(12, 3, shape, strides), keys("0"), sized(12)));
    for (long size : new long[] {-1, 13, 1L << 62, Long.MAX_VALUE}) {
      assertRefused(
          "the file ends early", legacy(true, view(12, 3, shape, strides), keys("0"), sized(size)));
    }
    assertRefused(
        "of which the file has 44 bytes",
        legacy(true, view(12, 3, shape, strides), keys("0"), sized(11)));
    assertRefused("unknown type", legacy(true, view(12, 3, shape, strides), keys("1"), sized(12)));
    byte[] twice = Arrays.copyOf(sized(12), 112);
    System.arraycopy(sized(12), 0, twice, 56, 56);
    assertRefused(
        "a storage twice", legacy(true, view(12, 3, shape, strides), keys("0", "0"), twice));
    assertRefused(
        "found no numbers of w", legacy(true, view(12, 3, shape, strides), keys(), sized(12)));
  }

  private static Pickle keys(String... keys) {
    Pickle list = new Pickle().raw(']');
    for (String key : keys) {
      list.text(key).raw('a');
    }
    return list;
  }

  /** An object of a TorchScript program, whose attributes are added to the dict on the stack. */
  private static Pickle module() {
    return new Pickle().global("__torch__", "M").raw(')', 0x81, 'q', 0, '}');
  }

  private static byte[] program(Pickle pickle) {
    return PthFile.zip(
        pickle.raw('b').end(), Map.of("data/0", NUMBERS, "constants.pkl", new byte[0]));
  }

  @Test
  void programs() throws IOException {
    List<Long> shape = List.of(2L, 3L);
    assertRead(
        program(
            module()
                .text("w")
                .tensor("FloatStorage", 12, 3, shape, List.of(3L, 1L))
                .setItem()
                .text("training")
                .raw(0x89)
                .setItem()),
        3,
        4,
        5,
        6,
        7,
        8);
    assertRefused(
        "more modules than any teacher", program(module().text("itself").raw('h', 0).setItem()));
    Pickle wide = module();
    for (int i = 0; i < 1000; i++) {
      wide.text("m" + i).raw('h', 0).setItem();
    }
    assertRefused("more modules than any teacher", program(wide));
  }

  @Test
  void safetensors() throws IOException {
    Layout layout = new Layout(Map.of("w", Layout.Tensor.floats(List.of(2L, 3L), true)));
    byte[] file =
        PthFile.all(
            WeightsFile.read(PthFile.channel(zip(view(12, 0, List.of(2L, 3L), List.of(3L, 1L)))))
                .asSafetensors(Map.of(), layout, Source::of, name -> false));
    assertRead(file, 0, 1, 2, 3, 4, 5);
    Layout transposed = new Layout(Map.of("w", Layout.Tensor.floats(List.of(3L, 2L), true)));
    byte[] turned =
        PthFile.all(
            WeightsFile.read(PthFile.channel(file))
                .asSafetensors(
                    Map.of(), transposed, name -> new Source(List.of(name), true), name -> false));
    float[] values = new float[6];
    ByteBuffer.wrap(turned, turned.length - 24, 24)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(values);
    assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, values);
  }
}
