#include "ensemble/in_graph.hpp"

#include <unistd.h>

#include <algorithm>
#include <deque>

#include "base/error.hpp"
#include "base/queue.hpp"
#include "model/unknown_texts.hpp"
#include "predict/predictor.hpp"
#include "tensor/blocks_ahead.hpp"

namespace nn::ensemble {
namespace {

using Predictors = std::vector<std::unique_ptr<predict::TablePredictor>>;

// "m.nn@gpu:0" is read as a path; where only m.nn is there, the device is what is wrong.
void check_misread_device(const std::string& path) {
  const auto at = path.rfind('@');
  if (at == std::string::npos || ::access(path.c_str(), F_OK) == 0) return;
  if (::access(path.substr(0, at).c_str(), F_OK) == 0)
    backend::parse_device(std::string_view(path).substr(at + 1));
}

// Every model opened, bound to the table and found to answer the same.
Predictors open_predictors(const InGraphOptions& options, const Schema& table) {
  const std::vector<backend::Device> devices = predict::place_members(options.members, options.device);
  Predictors predictors;
  for (std::size_t m = 0; m < options.members.size(); ++m) {
    const std::string& path = options.members[m].model;
    check_misread_device(path);
    predictors.push_back(
        std::make_unique<predict::TablePredictor>(path, devices[m], table, options.precision));
    const std::string differs =
        predict::difference(predictors[0]->kind(), options.members[0].model, predictors[m]->kind(), path);
    if (!differs.empty()) fail_data("members must answer the same: {}", differs);
  }
  return predictors;
}

std::vector<double> weights_of(const InGraphOptions& options) {
  std::vector<double> weights;
  for (const predict::Member& member : options.members) weights.push_back(member.weight);
  return weights;
}

Metadata describe(const InGraphOptions& options, const Predictors& predictors) {
  Metadata metadata;
  std::string digests;
  std::vector<std::string> names;
  for (std::size_t m = 0; m < predictors.size(); ++m) {
    digests += (m == 0 ? "" : ",") + predictors[m]->digest();
    names.push_back(options.members[m].model);
  }
  metadata.set("nn.model", digests);
  metadata.set("nn.members", predict::json_array(names));
  if (predictors.size() == 1 && options.members[0].weight != 1) {
    metadata.set("nn.weight", fmt::format("{}", options.members[0].weight));
  }
  return metadata;
}

CombinerOptions combiner_options(const InGraphOptions& options) {
  CombinerOptions out;
  out.combination = options.combination;
  out.uncertainty = options.uncertainty;
  out.device = options.device.value_or(backend::Device{});
  out.members = options.members.size();
  out.weighted = std::any_of(options.members.begin(), options.members.end(),
                             [](const predict::Member& member) { return member.weight != 1; });
  return out;
}

// One model: everything in the calling thread, so that the first answer comes early.
class SingleSource : public BatchSource {
 public:
  SingleSource(std::unique_ptr<BatchSource> source, const InGraphOptions& options)
      : source_(std::move(source)),
        predictors_(open_predictors(options, *source_->schema())),
        combiner_(predictors_[0]->kind(), combiner_options(options), *source_->schema(),
                  describe(options, predictors_)),
        weights_(weights_of(options)),
        blocks_(options.batch) {
    source_ = model::with_unknown_texts_told(std::move(source_), predictors_[0]->columns());
  }

  const std::shared_ptr<const Schema>& schema() const override { return combiner_.schema(); }
  std::optional<std::int64_t> total_rows() const override { return source_->total_rows(); }

  std::optional<Batch> next() override {
    if (blocks_.empty()) {
      auto batch = source_->next();
      if (!batch) return std::nullopt;
      blocks_.refill(std::move(*batch));
    }
    const Batch block = blocks_.cut();
    const std::int64_t width = predictors_[0]->kind().width();
    values_.reserve_discarding(static_cast<std::size_t>(block.rows * width) * sizeof(float));
    predictors_[0]->predict(block, values_.as<float>());
    const float* outputs[] = {values_.as<float>()};
    return combiner_.combine(block, outputs, weights_);
  }

 private:
  std::unique_ptr<BatchSource> source_;
  Predictors predictors_;
  Combiner combiner_;
  std::vector<double> weights_;
  Blocks blocks_;
  Buffer values_;
};

// Several models: a reader thread and one thread a member; aggregation in the caller's.
class ParallelSource : public BatchSource {
 public:
  ParallelSource(std::unique_ptr<BatchSource> source, const InGraphOptions& options);
  ~ParallelSource() override { group_.stop(); }
  const std::shared_ptr<const Schema>& schema() const override { return combiner_.schema(); }
  std::optional<std::int64_t> total_rows() const override { return total_rows_; }
  std::optional<Batch> next() override;

 private:
  using Block = std::shared_ptr<const Batch>;
  static constexpr std::size_t depth = 4;  // blocks in flight
  struct MemberQueues {
    BoundedQueue<Block> rows{depth};
    BoundedQueue<Buffer> outputs{depth};
  };
  void feed();
  void work(predict::TablePredictor& predictor, MemberQueues& queues);

  std::optional<std::int64_t> total_rows_;
  Predictors predictors_;
  Combiner combiner_;
  std::vector<double> weights_;
  BlocksAhead blocks_;
  std::deque<Block> in_flight_;
  std::vector<std::unique_ptr<MemberQueues>> queues_;
  Coordinator group_;  // last: its threads use all of the above
};

ParallelSource::ParallelSource(std::unique_ptr<BatchSource> source, const InGraphOptions& options)
    : total_rows_(source->total_rows()),
      predictors_(open_predictors(options, *source->schema())),
      combiner_(predictors_[0]->kind(), combiner_options(options), *source->schema(),
                describe(options, predictors_)),
      weights_(weights_of(options)),
      blocks_(model::with_unknown_texts_told(std::move(source), predictors_[0]->columns()), options.batch) {
  for (std::size_t m = 0; m < predictors_.size(); ++m) queues_.push_back(std::make_unique<MemberQueues>());
  group_.on_stop([this] {
    for (const auto& queues : queues_) {
      queues->rows.cancel();
      queues->outputs.cancel();
    }
  });
  for (std::size_t m = 0; m < predictors_.size(); ++m) {
    group_.start([this, m] { work(*predictors_[m], *queues_[m]); });
  }
}

void ParallelSource::work(predict::TablePredictor& predictor, MemberQueues& queues) {
  while (const auto block = queues.rows.pop()) {
    Buffer out(static_cast<std::size_t>((*block)->rows * predictor.kind().width()) * sizeof(float));
    predictor.predict(**block, out.as<float>());
    if (!queues.outputs.push(std::move(out))) return;
  }
}

// Keeps the members busy; waits for the reader only when nothing else is to be done.
void ParallelSource::feed() {
  while (in_flight_.size() < depth) {
    auto block = blocks_.next(in_flight_.empty());
    if (!block) return;
    in_flight_.push_back(std::make_shared<const Batch>(std::move(*block)));
    for (const auto& queues : queues_) queues->rows.push(in_flight_.back());
  }
}

std::optional<Batch> ParallelSource::next() {
  feed();
  if (in_flight_.empty()) return std::nullopt;
  const Block block = std::move(in_flight_.front());
  in_flight_.pop_front();
  std::vector<Buffer> buffers;
  std::vector<const float*> outputs;
  for (const auto& queues : queues_) {
    auto buffer = queues->outputs.pop();
    if (!buffer) {
      group_.join();  // throws the error of the member that stopped the others
      fail(ErrorKind::internal, "a member stopped without an error");
    }
    buffers.push_back(std::move(*buffer));
    outputs.push_back(buffers.back().as<float>());
  }
  return combiner_.combine(*block, outputs, weights_);
}

}  // namespace

std::unique_ptr<BatchSource> predict_in_graph(std::unique_ptr<BatchSource> source,
                                              const InGraphOptions& options) {
  if (options.members.empty()) fail_usage("no model; name one with -m MODEL");
  if (options.batch < 1) fail_usage("--batch must be at least 1");
  if (options.members.size() == 1) return std::make_unique<SingleSource>(std::move(source), options);
  return std::make_unique<ParallelSource>(std::move(source), options);
}

}  // namespace nn::ensemble
