#include "ensemble/aligned.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "ensemble/same_column.hpp"
#include "tensor/column_roles.hpp"

namespace nn::ensemble {
namespace {

// Outputs of a block: small enough for the second-level cache, large enough that a
// message's own cost does not count.
constexpr std::int64_t block_elements = 1 << 16;

// Read ahead of a member: reading and combining are both at work, and each further batch would
// only hold memory.
constexpr std::size_t batches_ahead = 1;

class MemberStream {
 public:
  MemberStream(std::size_t index, StreamMember member)
      : path_(member.name),
        name_(fmt::format("member {} ({})", index + 1, printable(path_, 200))),
        reader_(std::move(member.open), batches_ahead) {}

  const std::string& name() const { return name_; }
  const predict::PredictionKind& kind() const { return kind_; }
  const Schema& schema() const { return *schema_; }
  bool alive() const { return alive_; }
  void give_up() { alive_ = false; }

  void open() {
    schema_ = reader_.schema();
    kind_ = predict::kind_of(*schema_);
    column_.emplace(kind_, *schema_);
    if (const std::string* members = schema_->metadata.find("nn.members")) {
      if (auto names = predict::parse_json_array(*members)) answers_as_ = std::move(*names);
    }
    if (!answers_as_.empty()) name_ += fmt::format(" answering for {}", printable(join(answers_as_), 100));
  }

  // True while there is a row at hand; reads on when there is none. Throws at a row that
  // is wrong, when those before it have been used.
  bool fill() {
    if (at_ < outputs_.rows) return true;
    if (!outputs_.error.empty()) fail_data("{}", outputs_.error);
    batch_ = {};
    outputs_ = {};
    at_ = 0;
    if (ended_) return false;
    auto batch = reader_.next();
    ended_ = !batch;
    if (ended_) return false;
    batch_ = std::move(*batch);
    outputs_ = column_->read(batch_, scratch_);
    return fill();
  }

  // The error without the input's path, which name() has already.
  Error reason(const Error& error) const { return error.without(path_); }

  std::int64_t row() const { return batch_.first_row + at_; }
  std::int64_t rows() const { return outputs_.rows - at_; }
  const float* values() const { return outputs_.values + at_ * kind_.width(); }
  Column column(std::size_t index) const { return slice(schema_->fields[index], batch_.columns[index], at_); }
  void advance(std::int64_t rows) { at_ += rows; }

  double weight() const {
    const std::string* text = schema_->metadata.find("nn.weight");
    if (text == nullptr) return 1;
    const std::vector<double> weights = parse_weights(*text);
    return weights.front();
  }
  const std::vector<std::string>& answers_as() const { return answers_as_; }

 private:
  static std::string join(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  std::string path_, name_;
  ReadAhead reader_;
  std::shared_ptr<const Schema> schema_;
  predict::PredictionKind kind_;
  std::optional<predict::OutputColumn> column_;
  std::vector<std::string> answers_as_;  // nn.members
  Batch batch_;
  std::int64_t at_ = 0;
  predict::OutputColumn::Outputs outputs_;
  Buffer scratch_;
  bool ended_ = false, alive_ = true;
};

class AggregateSource : public BatchSource {
 public:
  AggregateSource(std::vector<StreamMember> members, const AggregateOptions& options);
  const std::shared_ptr<const Schema>& schema() const override { return combiner_->schema(); }
  std::optional<Batch> next() override;

 private:
  struct Passed {
    Field field;
    std::vector<std::optional<std::size_t>> at;  // column of each member, where it has the same
  };
  void open_all();
  void agree_on_kind();
  void choose_passed();
  void take_weights(const AggregateOptions& options);
  Metadata describe() const;
  void drop(MemberStream& member, std::int64_t row, const Error& why);
  bool align();
  Batch source_rows(std::int64_t count);
  void agree_on_row(const Passed& passed);
  std::int64_t agreeing_rows(const Passed& passed, std::int64_t count) const;
  Column column_of(const Passed& passed) const;
  std::size_t alive() const;

  std::vector<std::unique_ptr<MemberStream>> members_;
  std::size_t quorum_;
  bool tolerant_;
  std::vector<double> weights_;
  std::vector<Passed> passed_;
  std::shared_ptr<const Schema> rows_;  // of what passes
  std::unique_ptr<Combiner> combiner_;
  predict::PredictionKind kind_;
  std::int64_t next_row_ = 0;
};

AggregateSource::AggregateSource(std::vector<StreamMember> members, const AggregateOptions& options)
    : quorum_(options.quorum.value_or(members.size())), tolerant_(options.quorum.has_value()) {
  for (std::size_t m = 0; m < members.size(); ++m) {
    members_.push_back(std::make_unique<MemberStream>(m, std::move(members[m])));
  }
  open_all();
  agree_on_kind();
  take_weights(options);
  choose_passed();
  CombinerOptions combine;
  combine.combination = options.combination;
  combine.uncertainty = options.uncertainty;
  combine.device = options.device;
  combine.members = members_.size();
  combine.weighted = std::any_of(weights_.begin(), weights_.end(), [](double weight) { return weight != 1; });
  combiner_ = std::make_unique<Combiner>(kind_, combine, *rows_, describe());
}

std::size_t AggregateSource::alive() const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(), [](const auto& member) { return member->alive(); }));
}

// A member is lost. Without a quorum, or with too few left, this ends everything.
void AggregateSource::drop(MemberStream& member, std::int64_t row, const Error& why) {
  member.give_up();
  const Error named = why.within(member.name()).as(ErrorKind::data);
  if (!tolerant_) throw members_.size() > 1 ? named.advise(" (--quorum would go on without it)") : named;
  const std::size_t left = alive();
  if (left < quorum_) {
    throw named.advise("; {} of {} members left, --quorum asks for {}", left, members_.size(), quorum_);
  }
  warn("{}; going on without it from row {}, {} of {} members left", named.what(), row, left,
       members_.size());
}

void AggregateSource::open_all() {
  for (const auto& member : members_) {
    try {
      member->open();
    } catch (const Error& error) {
      drop(*member, 0, member->reason(error));
    }
  }
}

void AggregateSource::agree_on_kind() {
  const MemberStream* reference = nullptr;
  std::ptrdiff_t most = 0;
  for (const auto& member : members_) {
    if (!member->alive()) continue;
    const auto same = std::count_if(members_.begin(), members_.end(), [&](const auto& other) {
      return other->alive() && other->kind() == member->kind();
    });
    if (same > most) {
      most = same;
      reference = member.get();
    }
  }
  if (reference == nullptr) fail_data("no member answers");
  kind_ = reference->kind();
  for (const auto& member : members_) {
    if (!member->alive() || member->kind() == kind_) continue;
    drop(*member, 0,
         data_error("answers something else: {}",
                    predict::difference(kind_, reference->name(), member->kind(), "this one")));
  }
}

void AggregateSource::take_weights(const AggregateOptions& options) {
  if (!options.weights.empty() && options.weights.size() != members_.size()) {
    fail_usage("--weight names {} weights for {} members", options.weights.size(), members_.size());
  }
  for (std::size_t m = 0; m < members_.size(); ++m) {
    double weight = 1;
    if (!options.weights.empty()) {
      weight = options.weights[m];
    } else if (members_[m]->alive()) {
      try {
        weight = members_[m]->weight();
      } catch (const Error& error) {
        throw error.within("nn.weight").within(members_[m]->name()).as(ErrorKind::data);
      }
    }
    weights_.push_back(weight);
  }
}

// id and y with the type that the first member has; members with another type of it are
// taken as if they had none.
void AggregateSource::choose_passed() {
  auto schema = std::make_shared<Schema>();
  for (const std::string_view name : {weight_column, id_column, target_column}) {
    Passed passed;
    for (const auto& member : members_) {
      passed.at.push_back(std::nullopt);
      if (!member->alive()) continue;
      const auto at = member->schema().find(name);
      if (!at || member->schema().fields[*at].type == DType::opaque) continue;
      const Field& field = member->schema().fields[*at];
      if (passed.field.name.empty()) passed.field = field;
      if (field.type != passed.field.type || field.shape != passed.field.shape) continue;
      passed.field.nullable = passed.field.nullable || field.nullable;
      passed.at.back() = at;
    }
    if (passed.field.name.empty()) continue;
    schema->fields.push_back(passed.field);
    passed_.push_back(std::move(passed));
  }
  rows_ = std::move(schema);
}

Metadata AggregateSource::describe() const {
  Metadata metadata;
  std::vector<std::string> names;
  std::string digests;
  for (const auto& member : members_) {
    if (!member->alive()) continue;
    if (member->answers_as().empty()) names.push_back(member->name());
    names.insert(names.end(), member->answers_as().begin(), member->answers_as().end());
    const std::string* digest = member->schema().metadata.find("nn.model");
    if (digest != nullptr) digests += (digests.empty() ? "" : ",") + *digest;
  }
  metadata.set("nn.members", predict::json_array(names));
  if (!digests.empty()) metadata.set("nn.model", digests);
  return metadata;
}

// Brings all living members to the same row; false at the end.
bool AggregateSource::align() {
  std::vector<MemberStream*> with_row, at_end;
  for (const auto& member : members_) {
    if (!member->alive()) continue;
    try {
      (member->fill() ? with_row : at_end).push_back(member.get());
    } catch (const Error& error) {
      drop(*member, next_row_, member->reason(error));
    }
  }
  if (with_row.empty()) return false;
  for (MemberStream* member : at_end) {
    drop(*member, next_row_,
         data_error("ends before row {}, where {} goes on", with_row[0]->row(), with_row[0]->name()));
  }
  std::map<std::int64_t, std::size_t> votes;  // ascending: of equal counts the lower row is taken
  for (const MemberStream* member : with_row) ++votes[member->row()];
  const std::int64_t row = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
                             return a.second < b.second;
                           })->first;
  const MemberStream& reference = **std::find_if(
      with_row.begin(), with_row.end(), [&](const MemberStream* member) { return member->row() == row; });
  for (MemberStream* member : with_row) {
    if (member->row() == row) continue;
    drop(*member, row,
         data_error("answers row {} where {} answers row {}", member->row(), reference.name(), row));
  }
  return true;
}

// Finds the members that have a column and differ in the coming row from most others
// are dropped; of two sides of a size the first member's is right.
void AggregateSource::agree_on_row(const Passed& passed) {
  std::vector<std::pair<MemberStream*, Column>> owners;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (members_[m]->alive() && passed.at[m])
      owners.emplace_back(members_[m].get(), members_[m]->column(*passed.at[m]));
  }
  const auto same = [&](const Column& a, const Column& b) {
    return first_difference(passed.field, a, b, 1) < 0;
  };
  const std::pair<MemberStream*, Column>* right = nullptr;
  std::ptrdiff_t most = 0;
  for (const auto& owner : owners) {
    const auto votes = std::count_if(owners.begin(), owners.end(),
                                     [&](const auto& other) { return same(owner.second, other.second); });
    if (votes <= most) continue;
    most = votes;
    right = &owner;
  }
  const auto text = [&](const Column& at) {
    if (!at.valid(0)) return std::string("missing");
    return passed.field.shape.empty() ? "'" + printable(value_text(passed.field, at, 0)) + "'"
                                      : "another tensor";
  };
  for (const auto& [member, column] : owners) {
    if (same(right->second, column)) continue;
    drop(*member, next_row_,
         data_error("{} of row {} is {}, {} has {}", passed.field.name, next_row_, text(column),
                    right->first->name(), text(right->second)));
  }
}

// The rows from the coming one on in which all members that have the column have the same,
// at most `count`.
std::int64_t AggregateSource::agreeing_rows(const Passed& passed, std::int64_t count) const {
  std::optional<Column> first;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (!members_[m]->alive() || !passed.at[m]) continue;
    Column own = members_[m]->column(*passed.at[m]);
    if (!first) {
      first = std::move(own);
      continue;
    }
    const std::int64_t differs = first_difference(passed.field, *first, own, count);
    if (differs >= 0) count = differs;
  }
  return count;
}

Column AggregateSource::column_of(const Passed& passed) const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (members_[m]->alive() && passed.at[m]) return members_[m]->column(*passed.at[m]);
  }
  fail_data("column {} is lost with the members that had it", passed.field.name);
}

// The next rows, at most `count`, as the members' inputs had them: id and y.
Batch AggregateSource::source_rows(std::int64_t count) {
  for (const Passed& passed : passed_) {
    if (agreeing_rows(passed, 1) == 0) agree_on_row(passed);
    count = agreeing_rows(passed, count);
  }
  Batch batch{rows_, next_row_, count, {}};
  for (const Passed& passed : passed_) batch.columns.push_back(column_of(passed));
  return batch;
}

std::optional<Batch> AggregateSource::next() {
  if (!align()) return std::nullopt;
  std::int64_t count = std::max<std::int64_t>(1, block_elements / kind_.width());
  for (const auto& member : members_) {
    if (!member->alive()) continue;
    next_row_ = member->row();
    count = std::min(count, member->rows());
  }
  const Batch source = source_rows(count);
  std::vector<const float*> outputs;
  std::vector<double> weights;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (!members_[m]->alive()) continue;
    outputs.push_back(members_[m]->values());
    weights.push_back(weights_[m]);
  }
  Batch result = combiner_->combine(source, outputs, weights);
  for (const auto& member : members_) {
    if (member->alive()) member->advance(source.rows);
  }
  next_row_ += source.rows;
  return result;
}

}  // namespace

std::unique_ptr<BatchSource> aggregate(std::vector<StreamMember> members, const AggregateOptions& options) {
  if (options.quorum && (*options.quorum < 1 || *options.quorum > members.size())) {
    fail_usage("--quorum {} of {} members; it must be from 1 to their number", *options.quorum,
               members.size());
  }
  if (options.quorum && *options.quorum < members.size() && options.combination.needs_all()) {
    fail_usage("--rule {} needs every member; --quorum {} of {} cannot be", to_string(options.combination),
               *options.quorum, members.size());
  }
  return std::make_unique<AggregateSource>(std::move(members), options);
}

}  // namespace nn::ensemble
