// What versions leave behind when they are let go.
#include "base/memory.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "../model/models.hpp"
#include "catch.hpp"
#include "serving/background.hpp"
#include "serving/batcher.hpp"
#include "serving/loader.hpp"
#include "serving/open_version.hpp"

using namespace nn;
using namespace nn::serving;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // which keep what is freed
#elif defined(__has_feature)
  #if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
  #else
constexpr bool sanitized = false;
  #endif
#else
constexpr bool sanitized = false;
#endif

namespace {

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  file >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

TEST_CASE("a hundred versions that come and go leave no memory behind") {
  const bool ensemble = GENERATE(false, true);
  CAPTURE(ensemble);
  const test::Scratch scratch;
  model::Model model = test::model_of(
      {.net = "dense 256 relu, dense", .inputs = 256, .outputs = 16, .loss = Loss::mse, .rows = 1});
  model::save_model(scratch / "m.nn", model);
  std::filesystem::create_directories(scratch / "e/1");
  std::filesystem::copy(scratch / "m.nn", scratch / "e/1/m.nn");
  test::write_bytes(scratch / "e/1/ensemble.toml", "member = [{file = \"m.nn\"}, {file = \"m.nn\"}]\n");
  keep_large_blocks_apart();
  backend::Device device;
  device.cores = {backend::usable_cores().front()};
  EventLog log("");
  CatalogHolder catalog;
  Batcher batcher({});
  LoaderOptions options;
  options.models = {ensemble ? repository::parse_repository_spec("m=" + (scratch / "e"))
                             : repository::parse_model_spec("m=" + (scratch / "m.nn"))};
  options.begin = [&] { give_way({&device, 1}); };
  options.open = [&](const std::string& name, const repository::FoundVersion& version) {
    const Place place{device, &batcher};
    return open_version(name, version, {&place, 1}, backend::Precision::float32, {.rows = 64});
  };
  Loader loader(std::move(options), log, catalog, [] {});
  loader.load_all();
  backend::unpin_thread();
  loader.start();
  const auto change = [&](bool load) {
    std::promise<std::string> told;
    loader.change("m", 1, load,
                  [&](const std::optional<Error>& error) { told.set_value(error ? error->what() : ""); });
    REQUIRE(told.get_future().get().empty());
  };
  const auto cycles = [&](int count) {
    for (int i = 0; i < count; ++i) {
      change(false);
      change(true);
    }
    change(true);  // what went before is freed
    return resident_mb();
  };
  const double before = cycles(sanitized ? 2 : 10), after = cycles(sanitized ? 5 : ensemble ? 20 : 100);
  INFO("MB: " << before << ", then " << after);
  // A version is 0.3 MB a member; the members' threads share the allocator's arenas out anew each time.
  const double slack = ensemble ? 2.5 : 0.5;
  if (!sanitized) CHECK(after < before * 1.05 + slack);
  CHECK(catalog.get()->find("m").servable);
}

TEST_CASE("loading spares the cores that are computed on, where there are others") {
  backend::Device first, all;
  first.cores = {backend::process_cores().front()};
  const std::vector<backend::Device> one{first}, every{all};
  CHECK_FALSE(spare_cores(every));
  const auto spare = spare_cores(one);
  CHECK(spare.has_value() == (backend::process_cores().size() > 1));
  if (spare) CHECK(spare->cores.size() == backend::process_cores().size() - 1);
  CHECK(spare_cores({}).has_value());
}
