#include "base/queue.hpp"

#include <stdexcept>

#include "catch.hpp"

using namespace nn;

TEST_CASE("a closed queue is drained, a cancelled one is not") {
  BoundedQueue<int> queue(2);
  CHECK(queue.push(1));
  CHECK(queue.push(2));
  queue.close();
  CHECK_FALSE(queue.push(3));
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  CHECK_FALSE(queue.pop());

  BoundedQueue<int> cancelled(2);
  cancelled.push(1);
  cancelled.cancel();
  CHECK_FALSE(cancelled.pop());
}

TEST_CASE("the coordinator stops waiting threads and reports the first error") {
  BoundedQueue<int> queue(1);
  Coordinator group;
  group.on_stop([&] { queue.cancel(); });
  for (int producer = 0; producer < 3; ++producer) {
    group.start([&] {
      while (queue.push(1)) {
      }
    });
  }
  group.start([&] {
    queue.pop();
    throw std::runtime_error("first");
  });
  CHECK_THROWS_WITH(group.join(), "first");
  CHECK(group.stopping());
}

TEST_CASE("a group that is destroyed stops its threads") {
  BoundedQueue<int> queue(1);
  {
    Coordinator group;
    group.on_stop([&] { queue.cancel(); });
    group.start([&] { queue.pop(); });
  }
  CHECK_FALSE(queue.push(1));
}
