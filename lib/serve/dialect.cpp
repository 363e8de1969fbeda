#include "serve/dialect.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "inference/grpc_describe.hpp"

namespace nn::serve {
namespace {

inference::V1Verb verb_of(Action action) {
  switch (action) {
    case Action::classify: return inference::V1Verb::classify;
    case Action::regress: return inference::V1Verb::regress;
    default: return inference::V1Verb::predict;
  }
}

// Who answers, with the parameters of the answer.
class Answerer {
 public:
  explicit Answerer(const Call& call) : servable_(*call.served->servable) {
    if (call.members.any()) parameters_[count_++] = {"members", call.members.present};
    if (!call.members.missing.empty()) parameters_[count_++] = {"missing", call.members.missing};
  }
  inference::V2Answerer words() const {
    return {servable_.name(), servable_.version(), std::span(parameters_).first(count_)};
  }

 private:
  const serving::Servable& servable_;
  std::array<std::pair<std::string_view, std::string_view>, 2> parameters_;
  std::size_t count_ = 0;
};

class V1 : public Dialect {
 public:
  V1(const inference::proto::RowLimits& limits, bool strict) : reader_(limits.bytes), strict_(strict) {}
  void fill(http::Exchange& exchange, Call& call) override {
    reader_.read(exchange.body(), verb_of(call.route.action), call.served->signature, call.rows, call.v1);
  }
  void answer(http::Response& response, Call& call, const inference::Answers& answers) override {
    append_v1_answer(response.body, call.v1, answers, strict_);
  }

 private:
  inference::V1Reader reader_;
  const bool strict_;
};

class V2 : public Dialect {
 public:
  V2(const inference::proto::RowLimits& limits, bool strict) : reader_(limits.bytes), strict_(strict) {}
  void fill(http::Exchange& exchange, Call& call) override {
    const auto header = exchange.head().fields.find("inference-header-content-length");
    reader_.read(exchange.body(), header, call.served->signature, call.rows, call.v2);
  }
  std::optional<std::chrono::microseconds> timeout(const Call& call) const override {
    return call.v2.timeout;
  }
  std::uint64_t priority(const Call& call) const override { return call.v2.priority; }
  void answer(http::Response& response, Call& call, const inference::Answers& answers) override {
    const Answerer answerer(call);
    const auto header = append_v2_answer(response.body, call.v2, answerer.words(), answers, strict_);
    if (!header) return;
    response.content_type = "application/octet-stream";
    const fmt::format_int text(*header);
    response.fields.add("inference-header-content-length", {text.data(), text.size()});
  }

 private:
  inference::V2Reader reader_;
  const bool strict_;
};

class GrpcV2 : public Dialect {
 public:
  explicit GrpcV2(const inference::proto::RowLimits& limits) : limits_(limits) {}
  void read(http::Exchange& exchange, Call& call) override {
    call.grpc_v2.read(call.message.empty() ? exchange.body() : std::string_view(call.message));
    call.route.model = call.grpc_v2.model();
    call.route.version = inference::parse_model_version(call.grpc_v2.version());
  }
  void fill(http::Exchange& /*exchange*/, Call& call) override {
    call.grpc_v2.fill(call.served->signature, limits_, call.rows);
  }
  std::optional<std::chrono::microseconds> timeout(const Call& call) const override {
    return call.grpc_v2.timeout();
  }
  std::uint64_t priority(const Call& call) const override { return call.grpc_v2.priority(); }
  void answer(http::Response& response, Call& call, const inference::Answers& answers) override {
    const Answerer answerer(call);
    if (call.stream != nullptr)
      return append_stream_answer(response.body, call.grpc_v2, answerer.words(), answers);
    append_infer_answer(response.body, call.grpc_v2, answerer.words(), answers);
  }

 private:
  const inference::proto::RowLimits limits_;
};

void take(const inference::ModelSpec& spec, Route& route) {
  route.model = spec.name;
  route.version = spec.version;
  route.label = spec.label;
}

class Predict : public Dialect {
 public:
  explicit Predict(const inference::proto::RowLimits& limits) : limits_(limits) {}
  void read(http::Exchange& exchange, Call& call) override {
    call.predict.read(exchange.body());
    take(call.predict.spec(), call.route);
  }
  void fill(http::Exchange& /*exchange*/, Call& call) override {
    call.predict.fill(call.served->signature, limits_, call.rows);
  }
  void answer(http::Response& response, Call& call, const inference::Answers& answers) override {
    append_predict_answer(response.body, call.predict, call.served->servable->version(), answers);
  }

 private:
  const inference::proto::RowLimits limits_;
};

class Examples : public Dialect {
 public:
  explicit Examples(const inference::proto::RowLimits& limits) : limits_(limits) {}
  void read(http::Exchange& exchange, Call& call) override {
    using Verb = inference::ExamplesRequest::Verb;
    call.examples.read(exchange.body(),
                       call.route.action == Action::regress ? Verb::regress : Verb::classify);
    take(call.examples.spec(), call.route);
  }
  void fill(http::Exchange& /*exchange*/, Call& call) override {
    call.examples.fill(call.served->signature, limits_, call.rows);
  }
  void answer(http::Response& response, Call& call, const inference::Answers& answers) override {
    append_examples_answer(response.body, call.examples, call.served->servable->version(), answers);
  }

 private:
  const inference::proto::RowLimits limits_;
};

}  // namespace

Dialects::Dialects(const DialectOptions& options)
    : v1_(std::make_unique<V1>(options.limits, options.strict_json)),
      v2_(std::make_unique<V2>(options.limits, options.strict_json)),
      grpc_v2_(std::make_unique<GrpcV2>(options.limits)),
      predict_(std::make_unique<Predict>(options.limits)),
      examples_(std::make_unique<Examples>(options.limits)) {}

Dialect& Dialects::of(const Route& route) const {
  switch (route.protocol) {
    case Protocol::v1: return *v1_;
    case Protocol::v2: return *v2_;
    case Protocol::grpc_v2: return *grpc_v2_;
    default: return route.action == Action::predict ? *predict_ : *examples_;
  }
}

}  // namespace nn::serve
