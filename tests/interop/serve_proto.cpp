// Answers messages of gRPC's inference protocols without a server, for serve_proto.py: on stdin a letter of a
// call, the message's length in 4 bytes, and the message; on stdout a status, and the answer or why there is
// none in the same way. Its models answer with what they get.
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../unit/inference/grpc_fixture.hpp"
#include "inference/failure.hpp"
#include "inference/grpc_describe.hpp"
#include "inference/grpc_infer.hpp"
#include "inference/grpc_reflection.hpp"
#include "inference/grpc_tensorflow.hpp"

using namespace nn;
using namespace nn::inference;

namespace {

const std::map<std::string, Signature, std::less<>>& models() {
  static const std::map<std::string, Signature, std::less<>> models{
      {"echo", test::matrix_signature(4, test::numbers({4}))},
      {"digits", test::matrix_signature(3, test::classes({"0", "1", "2"}, true))},
      {"named", test::matrix_signature(3, test::classes({"no", "yes", "perhaps"}, false))},
      {"people", test::people_signature(test::numbers({3}))},
      {"voters", test::people_signature(test::classes({"a", "b", "c"}, false))},
      {"price", test::matrix_signature(1, test::numbers({}))},
      {"image", test::image_signature(test::numbers({2, 2}))}};
  return models;
}

struct NotFound {
  std::string message;
};

const Signature& signature_of(std::string_view name) {
  const auto model = models().find(name);
  if (model == models().end()) throw NotFound{v2_no_model(name, 0)};
  return model->second;
}

// All numbers of each row, and the lengths of its texts.
std::vector<float> echo(const Rows& rows) {
  std::vector<float> values;
  const Batch& batch = rows.batch();
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::size_t c = 0; c < rows.columns(); ++c) {
      const Field& field = rows.field(c);
      if (field.type == DType::utf8) {
        values.push_back(static_cast<float>(batch.columns[c].text(row).size()));
        continue;
      }
      const std::int64_t width = element_count(field.shape);
      for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
        values.push_back(static_cast<float>(number_at(field.type, batch.columns[c].data, i)));
      }
    }
  }
  return values;
}

class Service {
 public:
  std::string answer(char call, std::string_view message) {
    std::string out;
    switch (call) {
      case 'I': infer(message, false, out); break;
      case 'S': infer(message, true, out); break;
      case 'P': predict(message, out); break;
      case 'C': examples(message, ExamplesRequest::Verb::classify, out); break;
      case 'R': examples(message, ExamplesRequest::Verb::regress, out); break;
      default: describe(call, message, out);
    }
    return out;
  }

 private:
  void infer(std::string_view message, bool stream, std::string& out) {
    infer_.read(message);
    const Signature& signature = signature_of(infer_.model());
    infer_.fill(signature, {}, rows_);
    const std::vector<float> values = echo(rows_);
    const std::vector<std::pair<std::string_view, std::string_view>> parameters{{"label", "canary"}};
    const V2Answerer answerer{infer_.model(), 3, parameters};
    const Answers answers{&signature, rows_.batch().rows, values};
    stream ? append_stream_answer(out, infer_, answerer, answers)
           : append_infer_answer(out, infer_, answerer, answers);
  }
  void predict(std::string_view message, std::string& out) {
    predict_.read(message);
    const Signature& signature = signature_of(predict_.spec().name);
    predict_.fill(signature, {}, rows_);
    append_predict_answer(out, predict_, 3, {&signature, rows_.batch().rows, echo(rows_)});
  }
  void examples(std::string_view message, ExamplesRequest::Verb verb, std::string& out) {
    examples_.read(message, verb);
    const Signature& signature = signature_of(examples_.spec().name);
    examples_.fill(signature, {}, rows_);
    append_examples_answer(out, examples_, 3, {&signature, rows_.batch().rows, echo(rows_)});
  }

  static void describe(char call, std::string_view message, std::string& out) {
    switch (call) {
      case 'Q': return append_ready(out, models().contains(read_model_query(message).name));
      case 'E': return append_server_metadata(out, "1.2.3");
      case 'M': return describe_model(read_model_query(message), out);
      case 'G': return describe_config(read_model_query(message), out);
      case 'X': return describe_statistics(out);
      case 'N': return describe_index(read_index_query(message), out);
      case 'F': return append_reflection_answer(out, message);
      case 'L': out = read_repository_model(message); return;
      case 'H':
        return append_health(out,
                             read_health_query(message).empty() ? Health::serving : Health::service_unknown);
      case 'T': return describe_status(read_status_query(message), out);
      case 'D': {
        const ModelSpec spec = read_metadata_query(message);
        return append_signatures(out, spec.name, 3, signature_of(spec.name));
      }
      default: fail_data("there is no call {}", static_cast<int>(call));
    }
  }
  static void describe_model(const ModelQuery& query, std::string& out) {
    const std::vector<std::uint64_t> versions{2, 3};
    const std::vector<std::string_view> labels{"canary", "stable"};
    append_model_metadata(out, {query.name, versions, "xxh3:12", labels}, signature_of(query.name));
  }
  static void describe_config(const ModelQuery& query, std::string& out) {
    const std::vector<std::string> devices{"cpu:0", "cuda:1"};
    const std::vector<V2ConfigWords::Step> members{{"a", 0}, {"b", 7}};
    V2ConfigWords words{query.name, 2, 256, devices, {}};
    if (query.version == "0") words = {query.name, 0, 0, {}, members};
    append_model_config(out, words, signature_of(query.name));
  }
  static void describe_statistics(std::string& out) {
    const std::vector<BatchStatistics> batches{{8, {1, 2}, {3, 4}, {5, 6}}, {16, {}, {7, 1ull << 40}, {}}};
    std::vector<ModelStatistics> models{
        {"m", 3, 1764343522000, 123, 17, {1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}, {6, 60}, batches}};
    models.emplace_back().name = "n";
    models.back().version = 1;
    append_model_statistics(out, models);
  }
  static void describe_index(bool only_ready, std::string& out) {
    std::vector<IndexEntry> entries{{"m", 3, serving::VersionState::available, {}},
                                    {"m", 2, serving::VersionState::end, "no such file"},
                                    {"n", 0, {}, {}}};
    if (only_ready) entries.resize(1);
    append_repository_index(out, entries);
  }
  static void describe_status(const ModelSpec& spec, std::string& out) {
    serving::ModelEntry model;
    model.versions[3] = {serving::VersionState::available, nullptr, {}};
    model.versions[2] = {serving::VersionState::end, nullptr, make_error(ErrorKind::data, "no such file")};
    append_model_status(out, model, spec.version);
  }

  InferRequest infer_;
  PredictRequest predict_;
  ExamplesRequest examples_;
  Rows rows_;
};

void write(int status, const std::string& text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::putchar(status);
  std::fwrite(&size, sizeof size, 1, stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

int main() {
  Service service;
  std::uint32_t size = 0;
  for (int call = 0; (call = std::getchar()) != EOF && std::fread(&size, sizeof size, 1, stdin) == 1;) {
    // Memory of exactly this size, so that a sanitizer sees what is read behind it.
    const std::unique_ptr<char[]> message(new char[size]);
    if (std::fread(message.get(), 1, size, stdin) != size) return 1;
    try {
      write(0, service.answer(static_cast<char>(call), {message.get(), size}));
    } catch (const NotFound& missing) {
      write(static_cast<int>(StatusCode::not_found), missing.message);
    } catch (const Error& error) {
      write(static_cast<int>(status_code_of(failure_of(error))), error.message());
    }
  }
  return 0;
}
