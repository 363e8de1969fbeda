#include "serve/capture.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "../full_disk.hpp"
#include "../messages.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "format/arrow/stream.hpp"
#include "format/bytes.hpp"

namespace fs = std::filesystem;
using namespace nn;
using namespace nn::serve;

namespace {

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "nn-capture-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Batch rows_of(std::vector<float> values, std::int64_t width, const float* answers) {
  auto schema = std::make_shared<Schema>();
  schema->fields.push_back({"x", DType::f32, {width}, false, {}, {}});
  Buffer memory(values.size() * sizeof(float));
  std::memcpy(memory.data(), values.data(), values.size() * sizeof(float));
  Batch rows;
  rows.schema = schema;
  rows.rows = static_cast<std::int64_t>(values.size()) / width;
  rows.columns.push_back(make_column(std::move(memory)));
  const auto captured = captured_schema(*schema, {"proba", {2}, R"(["a","b"])"});
  return captured_batch(captured, rows, {"id", "canary", 3, 200, 17, 42}, answers);
}

std::vector<Batch> read(const std::string& path) {
  const auto source = format::read_stream(format::open_bytes(path));
  std::vector<Batch> out;
  while (auto batch = source->next()) out.push_back(std::move(*batch));
  return out;
}

CaptureOptions options(const std::string& path) {
  CaptureOptions out;
  out.part = 1;
  out.path = path;
  return out;
}

}  // namespace

TEST_CASE("what is to be captured is said in words", "[capture]") {
  CaptureOptions o;
  parse_capture("1%:a:b.arrows", o);
  CHECK(o.part == Approx(0.01));
  CHECK(o.path == "a:b.arrows");
  parse_capture("0.5:x.arrows", o);
  CHECK(o.part == 0.5);
  for (const char* wrong : {"x.arrows", "0:x.arrows", "101%:x.arrows", "1%:x.csv", "1%:.arrows", "1%:"}) {
    CHECK_THROWS_AS(parse_capture(wrong, o), Error);
  }
}

TEST_CASE("captured requests are a stream of rows and answers", "[capture]") {
  Folder folder;
  const std::string path = folder.file("seen.arrows");
  const float answers[] = {0.25F, 0.75F, 0.5F, 0.5F};
  {
    Capture capture(options(path), false);
    CHECK(capture.add("m", "", rows_of({1, 2, 3, 4, 5, 6}, 3, answers)));
    CHECK(capture.add("m", "", rows_of({7, 8, 9}, 3, nullptr)));
    CHECK(capture.add("m", "f64", rows_of({7, 8}, 2, nullptr)));
    CHECK_FALSE(fs::exists(path));
  }
  const auto batches = read(path);
  REQUIRE(batches.size() == 2);
  const Schema& schema = *batches[0].schema;
  CHECK(*schema.metadata.find("nn.classes") == R"(["a","b"])");
  const Batch& first = batches[0];
  CHECK(first.rows == 2);
  CHECK(first.columns[0].as<float>()[5] == 6);
  CHECK(first.columns[*schema.find("nn.request")].text(1) == "id");
  CHECK(first.columns[*schema.find("nn.route")].text(0) == "canary");
  CHECK(first.columns[*schema.find("nn.version")].as<std::int64_t>()[1] == 3);
  CHECK(first.columns[*schema.find("nn.latency_us")].as<std::int64_t>()[0] == 17);
  CHECK(first.columns[*schema.find("nn.proba")].as<float>()[1] == 0.75F);
  CHECK(first.columns[*schema.find("nn.proba")].valid(1));
  CHECK_FALSE(batches[1].columns[*schema.find("nn.proba")].valid(0));
  CHECK(batches[1].first_row == 2);
  CHECK(read(folder.file("seen-f64.arrows")).size() == 1);
}

TEST_CASE("files are begun anew when they are large enough or asked for, and none is overwritten",
          "[capture]") {
  Folder folder;
  const std::string path = folder.file("seen.arrows");
  CaptureOptions o = options(path);
  o.file_bytes = 1;
  {
    Capture capture(o, true);
    for (int i = 0; i < 3; ++i) capture.add("a/b", "", rows_of({1, 2}, 2, nullptr));
    capture.flush();
    capture.add("a/b", "", rows_of({1, 2}, 2, nullptr));
    capture.flush();
    capture.flush();
  }
  for (const char* name :
       {"seen-a_b.arrows", "seen-a_b-2.arrows", "seen-a_b-3.arrows", "seen-a_b-4.arrows"}) {
    CHECK(read(folder.file(name)).size() == 1);
  }
  CHECK(std::distance(fs::directory_iterator(folder.file("")), fs::directory_iterator()) == 4);
}

TEST_CASE("requests that find no room are dropped and counted", "[capture]") {
  Folder folder;
  CaptureOptions o = options(folder.file("seen.arrows"));
  o.queue_bytes = 0;
  Capture capture(o, false);
  CHECK_FALSE(capture.add("m", "", rows_of({1, 2}, 2, nullptr)));
  CHECK(capture.counts().dropped == 1);
  CHECK(capture.counts().requests == 0);
}

TEST_CASE("on a full disk what is whole stays, with one message, and the rest is counted", "[capture]") {
  Folder folder;
  const std::string path = folder.file("seen.arrows");
  const test::Messages messages;
  std::uint64_t kept = 0;
  // The end of the stream takes 8 bytes: with some of these sizes a whole request has to go for it.
  for (const rlim_t room : {9000, 9001, 9050, 9200, 12345}) {
    fs::remove(path);
    Capture capture(options(path), false);
    constexpr std::uint64_t all = 40;
    {
      const test::FullDisk full(room);
      for (std::uint64_t i = 0; i < all; ++i) capture.add("m", "", rows_of({1, 2, 3, 4}, 2, nullptr));
      while (capture.counts().requests + capture.counts().dropped < all) std::this_thread::yield();
      CHECK(capture.stopped());
      CHECK_THAT(messages.next(), Catch::Contains("no more requests are captured until SIGHUP"));
      CHECK_FALSE(capture.add("m", "", rows_of({1, 2}, 2, nullptr)));
      while (!fs::exists(path)) std::this_thread::yield();
    }
    std::uint64_t rows = 0;
    for (const Batch& batch : read(path)) rows += static_cast<std::uint64_t>(batch.rows);
    CHECK(rows > 0);
    CHECK(rows + capture.counts().dropped_rows == 2 * all + 1);
    kept += rows;
    capture.flush();
    while (capture.stopped()) std::this_thread::yield();
    CHECK(capture.add("m", "", rows_of({1, 2}, 2, nullptr)));
  }
  CHECK(kept > 0);
  for (const std::string& line : messages.take()) CHECK_THAT(line, !Catch::Contains("no more requests"));
}
