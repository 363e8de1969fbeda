#include "serve/reporter.hpp"

#include <condition_variable>
#include <mutex>
#include <vector>

#include "catch.hpp"

using namespace nn::serve;

TEST_CASE("whoever asks for a report doesn't wait for it", "[reporter]") {
  Reporter reporter;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> done;
  bool go = false;
  const auto add = [&](int number) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go; });
    done.push_back(number);
    changed.notify_all();
  };
  for (int i = 0; i < 3; ++i) reporter.post([&, i] { add(i); });
  {
    std::unique_lock lock(mutex);
    CHECK(done.empty());
    go = true;
    changed.notify_all();
    changed.wait(lock, [&] { return done.size() == 3; });
  }
  CHECK(done == std::vector<int>{0, 1, 2});
  reporter.stop();
  reporter.post([&] { add(3); });
  reporter.stop();
  CHECK(done.size() == 3);
}
