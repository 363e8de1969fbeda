// Model files and checkpoints: round trips, damage, mutations.
#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "base/error.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "exchange/convert.hpp"
#include "layers/table.hpp"
#include "model/description.hpp"
#include "model/model.hpp"
#include "models.hpp"

using namespace nn;
using namespace nn::model;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

constexpr std::size_t header_size = 64;
constexpr std::size_t checksum_at = 56;

void set_u64(std::string& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, 8);
}

std::uint64_t get_u64(const std::string& bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, 8);
  return value;
}

// What the checksum would have to be, so that damage reaches what lies behind it.
void seal(std::string& bytes) {
  const std::uint64_t description = std::min<std::uint64_t>(get_u64(bytes, 16), bytes.size() - header_size);
  const std::string covered = bytes.substr(0, checksum_at) + bytes.substr(header_size, description);
  set_u64(bytes, checksum_at, XXH3_64bits(covered.data(), covered.size()));
}

std::string saved(Model model, const TrainingState* state = nullptr) {
  const Scratch scratch;
  if (state != nullptr) {
    save_checkpoint(scratch / "m", model, *state);
  } else {
    save_model(scratch / "m", model);
  }
  return read_file(scratch / "m");
}

Model load_bytes(const std::string& bytes) {
  const Scratch scratch;
  write_bytes(scratch / "m.nn", bytes);
  return load_model(scratch / "m.nn");
}

TrainingState unfinished(const Model& model) {
  const auto count = static_cast<std::size_t>(lower(model.network, model.loss).parameter_count);
  TrainingState state;
  state.step = 1234;
  state.epoch = 3;
  state.batch = 7;
  state.elapsed_s = 12.5;
  state.epoch_loss = 0.1;
  state.epoch_weight = 64;
  state.best_score = -1.0 / 3;
  state.best_epoch = 2;
  state.epochs_without_gain = 1;
  state.options = "lr 0.001";
  state.optimizer_state.assign(2 * count + 3, 0.5f);
  state.best_parameters.assign(count, 0.25f);
  return state;
}

void check_same(const Model& a, const Model& b) {
  CHECK(exchange::model_json(a) == exchange::model_json(b));
  const auto count = static_cast<std::size_t>(lower(a.network, a.loss).parameter_count);
  CHECK(std::memcmp(a.parameters.get(), b.parameters.get(), count * sizeof(float)) == 0);
}

}  // namespace

TEST_CASE("a saved model is loaded again, with the same bytes") {
  const Scratch scratch;
  for (Model model : {class_model(), number_model()}) {
    save_model(scratch / "m.nn", model);
    Model loaded = load_model(scratch / "m.nn");
    check_same(model, loaded);
    CHECK(loaded.digest == model.digest);
    CHECK(loaded.digest.size() == 32);
    CHECK(reinterpret_cast<std::uintptr_t>(loaded.parameters.get()) % alignment == 0);
    CHECK(inspect_model(scratch / "m.nn", true).model.digest == model.digest);
    save_model(scratch / "again.nn", loaded);
    CHECK(read_file(scratch / "again.nn") == read_file(scratch / "m.nn"));
    save_model(scratch / "m.nn", loaded);  // over itself
    check_same(model, loaded);
  }
}

TEST_CASE("every layer survives model files and npz") {
  const Scratch scratch;
  for (const Case& c : all_cases()) {
    INFO(c.net);
    Model model = model_of(c);
    save_model(scratch / "m.nn", model);
    check_same(model, load_model(scratch / "m.nn"));
    exchange::save_npz(scratch / "m.npz", model);
    check_same(model, exchange::load_npz(scratch / "m.npz"));
  }
}

TEST_CASE("a binary model has one output and two classes") {
  Model model = class_model();
  model.target.classes = {"0", "1"};
  model.loss = Loss::binary_crossentropy;
  model.network = parse_network("dense 4 relu, dense");
  resolve(model.network, model.encoder.input_shape(), 1);
  fill_parameters(model);
  const Scratch scratch;
  save_model(scratch / "m.nn", model);
  CHECK(load_model(scratch / "m.nn").network.outputs() == 1);
}

TEST_CASE("a checkpoint continues where it was") {
  const Scratch scratch;
  Model model = class_model();
  const TrainingState state = unfinished(model);
  save_checkpoint(scratch / "c", model, state);
  const auto checkpoint = load_checkpoint(scratch / "c");
  REQUIRE(checkpoint);
  check_same(checkpoint->model, model);
  const TrainingState& again = checkpoint->state;
  CHECK(again.step == 1234);
  CHECK(again.epoch == 3);
  CHECK(again.batch == 7);
  CHECK(again.elapsed_s == 12.5);
  CHECK(again.epoch_loss == 0.1);
  CHECK(again.epoch_weight == 64);
  CHECK(again.best_score == -1.0 / 3);
  CHECK(again.best_epoch == 2);
  CHECK(again.epochs_without_gain == 1);
  CHECK(again.options == state.options);
  CHECK(again.optimizer_state == state.optimizer_state);
  CHECK(again.best_parameters == state.best_parameters);
  CHECK_FALSE(load_checkpoint(scratch / "none"));

  TrainingState fresh;  // sgd has no state, and the first epoch no best parameters
  save_checkpoint(scratch / "fresh", model, fresh);
  CHECK(load_checkpoint(scratch / "fresh")->state.best_parameters.empty());
}

TEST_CASE("models and checkpoints are not taken for each other") {
  const Scratch scratch;
  Model model = class_model();
  save_model(scratch / "m.nn", model);
  save_checkpoint(scratch / "m.ckpt", model, unfinished(model));
  CHECK_THROWS_WITH(load_model(scratch / "m.ckpt"),
                    Contains("m.ckpt: a checkpoint of an unfinished run, not a model"));
  CHECK_THROWS_WITH(load_checkpoint(scratch / "m.nn"), Contains("m.nn: a finished model, not a checkpoint"));
  CHECK_FALSE(inspect_model(scratch / "m.nn", true).state);
  CHECK(inspect_model(scratch / "m.ckpt", true).state->step == 1234);
}

TEST_CASE("a damaged model is refused with what is wrong") {
  const std::string good = saved(class_model());
  struct Case {
    const char* message;
    std::function<void(std::string&)> damage;
  };
  const std::size_t description = get_u64(good, 16);
  const Case cases[] = {
      {"the file is empty, not a model", [](std::string& b) { b.clear(); }},
      {"not a model file", [](std::string& b) { b = "a,b,c\n1,2,3\n"; }},
      {"a zip archive, not a model (nn-model convert", [](std::string& b) { b.replace(0, 4, "PK\x03\x04"); }},
      {"cut off: 3 bytes, not even a header", [](std::string& b) { b.resize(3); }},
      {"cut off: 63 bytes, not even a header", [](std::string& b) { b.resize(63); }},
      {"cut off: ", [](std::string& b) { b.pop_back(); }},
      {"bytes, expected ", [](std::string& b) { b += "x"; }},
      {"made by a newer version of nn-tools (model format 2; this one reads up to 1)",
       [](std::string& b) { b[8] = 2; }},
      {"corrupt: the checksum of its description is wrong",
       [](std::string& b) { b[70] = static_cast<char>(b[70] ^ 1); }},
      {"corrupt: the checksum of its description is wrong",
       [](std::string& b) { b[40] = static_cast<char>(b[40] ^ 1); }},
      {"corrupt: its header makes no sense", [](std::string& b) { b[12] = 3, seal(b); }},
      {"corrupt: its header makes no sense", [](std::string& b) { b[50] = 1, seal(b); }},
      {"corrupt: its header makes no sense", [](std::string& b) { b[8] = 0, seal(b); }},
      {"corrupt: its description does not fit into the file",
       [](std::string& b) { set_u64(b, 16, b.size()); }},
      {"corrupt: its description does not fit into the file",
       [](std::string& b) { set_u64(b, 16, UINT64_MAX); }},
      {"corrupt: its description cannot be read", [](std::string& b) { set_u64(b, 16, 0), seal(b); }},
      {"corrupt: its description cannot be read", [](std::string& b) { b[68] = 'X', seal(b); }},
      {"disagree on whether it is a checkpoint", [](std::string& b) { b[12] = 2, seal(b); }},
      {"corrupt: the digest of its weights is wrong",
       [](std::string& b) { b.back() = static_cast<char>(b.back() ^ 1); }},
      {"corrupt: the digest of its weights is wrong",
       [=](std::string& b) { b[header_size + description] = 1; }},  // the padding
  };
  const Scratch scratch;
  for (const Case& c : cases) {
    INFO(c.message);
    std::string bytes = good;
    c.damage(bytes);
    write_bytes(scratch / "bad.nn", bytes);
    CHECK_THROWS_WITH(inspect_model(scratch / "bad.nn", true),
                      Contains(scratch / "bad.nn: ") && Contains(c.message));
  }
  CHECK_THROWS_WITH(load_model(scratch / "none.nn"), Contains("none.nn: No such file"));
  CHECK_THROWS_WITH(load_model(scratch / ""), Contains("is a directory"));
}

TEST_CASE("weights with zeros at their end are not loaded") {
  const Scratch scratch;
  const Model model = class_model();
  const TrainingState state = unfinished(model);
  for (const std::string& good : {saved(model), saved(model, &state)}) {
    std::string bytes = good;
    std::fill(bytes.end() - 200, bytes.end(), '\0');
    write_bytes(scratch / "m", bytes);
    const auto load = [&] {
      bytes[12] == 1 ? (void)load_model(scratch / "m") : (void)load_checkpoint(scratch / "m");
    };
    CHECK_THROWS_WITH(load(), Contains("m: corrupt: the digest of its weights is wrong"));
    REQUIRE(::mkfifo((scratch / "pipe").c_str(), 0600) == 0);
    std::thread writer([&] { write_bytes(scratch / "pipe", bytes); });
    CHECK_THROWS_WITH(inspect_model(scratch / "pipe", false),
                      Contains("corrupt: the digest of its weights is wrong"));
    writer.join();
    std::filesystem::remove(scratch / "pipe");
  }
}

TEST_CASE("a loaded model is its own: what happens to the file afterwards is nothing to it") {
  const Scratch scratch;
  Model model = class_model();
  save_model(scratch / "m.nn", model);
  const Model loaded = load_model(scratch / "m.nn");
  // As cp(1) does it: the same file, truncated, then written.
  write_bytes(scratch / "m.nn", "");
  check_same(model, loaded);
  write_bytes(scratch / "m.nn", std::string(10'000, 'x'));
  check_same(model, loaded);
}

TEST_CASE("the bytes of a model are checked in pieces of any size") {
  const std::string good = saved(class_model());
  const auto checked = [](std::string_view bytes, std::size_t piece) {
    ModelCheck check;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      check.add(std::as_bytes(std::span(bytes.substr(0, piece))));
    }
    return check.finish();
  };
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{100}, good.size()}) {
    INFO(piece);
    CHECK(checked(good, piece).digest == load_bytes(good).digest);
    CHECK_THROWS_WITH(checked(good.substr(0, good.size() - 1), piece), Contains("cut off: "));
    CHECK_THROWS_WITH(checked(good.substr(0, 63), piece), Contains("cut off: 63 bytes"));
    CHECK_THROWS_WITH(checked("", piece), Contains("the file is empty"));
    CHECK_THROWS_WITH(checked("x,y\n", piece), Contains("not a model file"));
    CHECK_THROWS_WITH(checked(good + "x", piece), Contains("corrupt: more than the "));
    std::string changed = good;
    changed.back() ^= 1;
    CHECK_THROWS_WITH(checked(changed, piece), Contains("the digest of its weights is wrong"));
  }
  const Model model = class_model();
  const TrainingState state = unfinished(model);
  CHECK_THROWS_WITH(checked(saved(model, &state), 100),
                    Contains("a checkpoint of an unfinished run, not a model"));
}

TEST_CASE("a model that contradicts itself is not written") {
  const Scratch scratch;
  const auto refuses = [&](const char* message, const std::function<void(Model&)>& change) {
    INFO(message);
    Model model = class_model();
    change(model);
    CHECK_THROWS_WITH(save_model(scratch / "m.nn", model), Contains(message));
    CHECK_FALSE(std::filesystem::exists(scratch / "m.nn"));
  };
  const auto with_column = [](std::size_t at, auto&& change) {
    return [=](Model& model) {
      auto columns = model.encoder.columns();
      change(columns[at]);
      model.encoder = Encoder(columns);
    };
  };
  refuses("its target makes no sense", [](Model& m) { m.target.kind = Target::Kind::none; });
  refuses("its target makes no sense", [](Model& m) { m.target.classes = {"10", "2", "3"}; });
  refuses("its target makes no sense", [](Model& m) { m.target.classes[1] = "x"; });
  refuses("its loss mse does not go with its target", [](Model& m) { m.loss = Loss::mse; });
  refuses("binary cross-entropy over 3 classes", [](Model& m) { m.loss = Loss::binary_crossentropy; });
  refuses("its network has 3 outputs, its target needs 2", [](Model& m) { m.target.classes = {"1", "2"}; });
  refuses("column 'age' makes no sense", with_column(0, [](InputColumn& c) { c.fill.clear(); }));
  refuses("column 'age' makes no sense", with_column(0, [](InputColumn& c) { c.scale[0] = 0; }));
  refuses("column 'age' makes no sense", with_column(0, [](InputColumn& c) { c.offset[0] = HUGE_VAL; }));
  refuses("column 'age' makes no sense", with_column(0, [](InputColumn& c) { c.fill[0] = NAN; }));
  refuses("column 'job' makes no sense", with_column(1, [](InputColumn& c) {
            c.categories = {"b", "a", "c"};
          }));
  refuses("column 'job' makes no sense", with_column(1, [](InputColumn& c) { c.categories.clear(); }));
  refuses("column 'x' makes no sense", with_column(2, [](InputColumn& c) { c.shape = {-1, -2}; }));
  refuses("column 'x' makes no sense", with_column(2, [](InputColumn& c) { c.scale = {1, 1, 1}; }));
  refuses("two of column 'age'", with_column(1, [](InputColumn& c) { c.name = "age"; }));
  refuses("its columns give inputs of shape [7]", with_column(2, [](InputColumn& c) { c.shape = {3}; }));
}

TEST_CASE("models come through pipes") {
  const Scratch scratch;
  Model model = class_model();
  save_model(scratch / "m.nn", model);
  REQUIRE(::mkfifo((scratch / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { write_bytes(scratch / "pipe", read_file(scratch / "m.nn")); });
  const Model loaded = load_model(scratch / "pipe");
  writer.join();
  check_same(model, loaded);
}

TEST_CASE("mutated files give an error or a model that holds together") {
  const Model model = class_model();
  const TrainingState state = unfinished(model);
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const std::string& good : {saved(model), saved(number_model()), saved(model, &state)}) {
    for (std::uint64_t round = 0; round < 4000; ++round) {
      RandomStream random(round, RandomUse::shuffle);
      std::string bytes = good;
      const std::uint64_t flips = 1 + random.below(4);
      for (std::uint64_t i = 0; i < flips; ++i) {
        const std::size_t at =
            random.below(3) == 0 ? random.below(bytes.size()) : header_size + random.below(get_u64(good, 16));
        const std::uint64_t what = random.below(3);
        bytes[at] = what == 0   ? static_cast<char>(bytes[at] ^ (1 << random.below(8)))
                    : what == 1 ? static_cast<char>(random.below(256))
                                : static_cast<char>(random.below(2) * 255);
      }
      if (random.below(8) == 0) bytes.resize(random.below(bytes.size()));
      if (bytes.size() > header_size && random.below(8) != 0) {
        if (random.below(2) == 0) set_u64(bytes, 24, bytes.size());
        seal(bytes);
      }
      try {
        ContainerReader reader(std::as_bytes(std::span(bytes)));
        Described described = parse_description(reader.container());
        read_blocks(reader, described);
        check_model(described.model);
        AnyModel any{described.model, described.state, bytes.size()};
        if (exchange::file_json(any).empty() || exchange::file_text(any).empty()) FAIL("nothing to say");
        double sum = 0;
        const Plan plan = lower(described.model.network, described.model.loss);
        for (std::int64_t i = 0; i < plan.parameter_count; ++i) sum += described.model.parameters.get()[i];
        accepted += sum == sum ? 1 : 1;
      } catch (const Error& error) {
        REQUIRE(error.kind() != ErrorKind::internal);
        REQUIRE(error.kind() != ErrorKind::usage);
        ++refused;
      }
    }
  }
  // Both happen often: the mutations reach what lies behind the checks.
  CHECK(accepted > 1000);
  CHECK(refused > 1000);
}

// Run by hand for a new format version: unit-model '[golden]'.
TEST_CASE("write the files of this format version", "[.golden]") {
  Model model = class_model();
  const TrainingState state = unfinished(model);
  save_model("model-new.nn", model);
  save_checkpoint("model-new.ckpt", model, state);
}

TEST_CASE("files of released formats still load, and give the same bytes again") {
  for (const char* name : {"model-0.1.nn", "model-0.1.ckpt"}) {
    INFO(name);
    const Scratch scratch;
    const std::string path = std::string(NN_GOLDEN) + "/" + name;
    if (inspect_model(path, true).state) {
      Checkpoint checkpoint = *load_checkpoint(path);
      check_same(checkpoint.model, class_model());
      save_checkpoint(scratch / "again", checkpoint.model, checkpoint.state);
    } else {
      Model model = load_model(path);
      check_same(model, class_model());
      save_model(scratch / "again", model);
    }
    CHECK(read_file(scratch / "again") == read_file(path));
  }
}

TEST_CASE("SOURCE_DATE_EPOCH names the time, nothing else does") {
  ::unsetenv("SOURCE_DATE_EPOCH");
  CHECK(source_date_epoch() == 0);
  ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  CHECK(source_date_epoch() == 1700000000);
  ::setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
  CHECK_THROWS_WITH(source_date_epoch(), "SOURCE_DATE_EPOCH: 'yesterday' is not an integer");
  ::unsetenv("SOURCE_DATE_EPOCH");
}
