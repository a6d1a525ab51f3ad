package dev.beit2.pipelines.jvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import org.junit.jupiter.api.Test;

final class SharedInJvmTest {
  private static final class Model implements AutoCloseable {
    private int closed;

    @Override
    public void close() {
      closed++;
    }
  }

  @Test
  void isClosedWithItsLastUserAndReopenedAfterwards() throws Exception {
    SharedInJvm<Model> first = SharedInJvm.acquire(Model.class, "key", Model::new);
    SharedInJvm<Model> second = SharedInJvm.acquire(Model.class, "key", Model::new);
    SharedInJvm<Model> other = SharedInJvm.acquire(Model.class, "other", Model::new);
    Model model = first.get();
    assertSame(model, second.get());
    assertNotSame(model, other.get());
    first.close();
    first.close();
    assertEquals(0, model.closed);
    second.close();
    assertEquals(1, model.closed);
    try (SharedInJvm<Model> again = SharedInJvm.acquire(Model.class, "key", Model::new)) {
      assertNotSame(model, again.get());
    }
    other.close();
  }
}
