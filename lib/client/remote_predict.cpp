#include "client/remote_predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/log.hpp"
#include "base/text.hpp"
#include "client/ordered_rows.hpp"
#include "repository/model_name.hpp"
#include "tensor/blocks_ahead.hpp"
#include "tensor/column_choice.hpp"

namespace nn::client {
namespace {

// The columns that are sent: all but those that pass through, and those that no stream can carry.
ColumnChoice sent_columns(const Schema& schema) {
  const std::vector<std::size_t> passed = predict::passed_columns(schema);
  std::vector<std::size_t> sent;
  for (std::size_t c = 0; c < schema.fields.size(); ++c) {
    const bool passes = std::find(passed.begin(), passed.end(), c) != passed.end();
    if (!passes && schema.fields[c].type != DType::opaque) sent.push_back(c);
  }
  return {schema, std::move(sent)};
}

StreamOptions stream_options(const RemoteOptions& options, std::shared_ptr<const Schema> table) {
  StreamOptions out;
  if (options.model) {
    try {
      repository::ModelName model = repository::parse_model_name(*options.model);
      out.model = std::move(model.name);
      out.version = model.version.value_or(0);
      out.label = std::move(model.label);
    } catch (const Error& error) {
      throw error.within("-m");
    }
  }
  out.max_frame = options.max_frame;
  out.table = std::move(table);
  return out;
}

OrderedOptions ordered_options(const RemoteOptions& options, std::shared_ptr<const Schema> table) {
  OrderedOptions out;
  out.dispatch.stream = stream_options(options, std::move(table));
  out.dispatch.deadline = options.deadline;
  out.dispatch.patience = options.access.connect_timeout;
  const net::Access access = with_token(options.access);
  for (const net::Endpoint& endpoint : options.endpoints) {
    out.workers.push_back({endpoint, access, options.max_frame});
  }
  out.ensemble = options.combination.has_value();
  out.quorum = options.quorum.value_or(0);
  out.hedge = options.hedge;
  return out;
}

class RemoteSource : public BatchSource {
 public:
  RemoteSource(std::unique_ptr<BatchSource> source, const RemoteOptions& options);
  const std::shared_ptr<const Schema>& schema() const override { return combiner_->schema(); }
  std::optional<std::int64_t> total_rows() const override { return total_rows_; }
  std::optional<Batch> next() override;

 private:
  void feed();
  void submit(Batch block);
  void report_missing();
  Metadata describe();

  std::shared_ptr<const Schema> source_schema_;
  std::optional<std::int64_t> total_rows_;
  ColumnChoice sent_;
  OrderedRows workers_;
  std::optional<ensemble::Combiner> combiner_;
  BlocksAhead blocks_;
  bool ensemble_;
  std::deque<Batch> in_flight_;
};

RemoteSource::RemoteSource(std::unique_ptr<BatchSource> source, const RemoteOptions& options)
    : source_schema_(source->schema()),
      total_rows_(source->total_rows()),
      sent_(sent_columns(*source_schema_)),
      workers_(ordered_options(options, sent_.schema())),
      blocks_(std::move(source), options.batch > 0 ? options.batch : rows_of_message(*sent_.schema())),
      ensemble_(options.combination.has_value()) {
  const predict::PredictionKind kind = workers_.kind();
  ensemble::CombinerOptions combine;
  combine.combination = options.combination.value_or(ensemble::Combination{});
  combine.uncertainty = options.uncertainty;
  combine.device = options.device;
  combine.members = ensemble_ ? options.endpoints.size() : 1;
  combiner_.emplace(kind, combine, *source_schema_, describe());
}

Metadata RemoteSource::describe() {
  std::vector<std::string> names;
  std::string digests;
  for (const WorkerReport& member : workers_.reports()) {
    names.push_back(member.name);
    if (member.digest.empty() || (!ensemble_ && !digests.empty())) continue;
    digests += (digests.empty() ? "" : ",") + member.digest;
  }
  Metadata metadata;
  metadata.set("nn.model", digests);
  metadata.set("nn.members", predict::json_array(names));
  return metadata;
}

void RemoteSource::submit(Batch block) {
  workers_.submit(sent_.of(block));
  in_flight_.push_back(std::move(block));
}

// Keeps the workers busy; waits for the reader only when nothing else is to be done.
void RemoteSource::feed() {
  while (in_flight_.size() < workers_.depth()) {
    auto block = blocks_.next(in_flight_.empty());
    if (!block) return;
    submit(std::move(*block));
  }
}

std::optional<Batch> RemoteSource::next() {
  feed();
  if (in_flight_.empty()) {
    report_missing();
    return std::nullopt;
  }
  const BlockAnswer result = workers_.wait();
  const Batch block = std::move(in_flight_.front());
  in_flight_.pop_front();
  std::vector<const float*> outputs;
  for (const BlockAnswer::Part& part : result.parts) outputs.push_back(part.answer.values);
  const std::vector<double> weights(outputs.size(), 1.0);
  return combiner_->combine(block, outputs, weights);
}

void RemoteSource::report_missing() {
  for (const WorkerReport& member : workers_.reports()) {
    if (member.unreached && !ensemble_) warn("{}; the other workers did without it", member.error);
    if (member.missed == 0) continue;
    warn("{} was missing from {} of {} rows{}{}", member.name, format_count(member.missed),
         format_count(member.missed + member.rows), member.error.empty() ? "" : ": ", member.error);
  }
}

}  // namespace

std::unique_ptr<BatchSource> predict_remote(std::unique_ptr<BatchSource> source,
                                            const RemoteOptions& options) {
  const std::size_t members = options.endpoints.size();
  if (members == 0) fail_usage("no endpoint; name one with --at ENDPOINT");
  if (options.combination) {
    if (options.hedge.count() > 0)
      fail_usage("--hedge is for replicas; members of an ensemble have --deadline");
    if (options.quorum && (*options.quorum < 1 || *options.quorum > members)) {
      fail_usage("--quorum {} of {} members; it must be from 1 to their number", *options.quorum, members);
    }
    if (options.quorum.value_or(members) < members && options.combination->needs_all()) {
      fail_usage("--rule {} needs every member; --quorum {} of {} cannot be",
                 ensemble::to_string(*options.combination), *options.quorum, members);
    }
    if (options.deadline.count() > 0 && options.quorum.value_or(members) == members) {
      fail_usage("--deadline goes on without the late; say with --quorum N how many members suffice");
    }
  } else if (options.quorum) {
    fail_usage("--quorum is for the members of an ensemble; --rule makes the workers one");
  }
  return std::make_unique<RemoteSource>(std::move(source), options);
}

}  // namespace nn::client
