#include "serving/ensemble_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "ensemble/ensemble_file.hpp"
#include "serving/shared_rows.hpp"

namespace nn::serving {
namespace {

ensemble::Rule rule_of(const ensemble::Combination& combination, const predict::PredictionKind& kind,
                       bool weighted) {
  ensemble::Rule rule = combination.rule;
  if (combination.kind == ensemble::Combination::Kind::automatic)
    rule = weighted ? ensemble::Rule::weighted : ensemble::Rule::mean;
  if (kind.classes ? !ensemble::fits_classes(rule) : !ensemble::fits_numbers(rule)) {
    fail_data("rule {} doesn't fit members that answer {}", name_of(rule),
              kind.classes ? "classes" : "numbers");
  }
  return rule;
}

bool is_there(const EnsembleModel::Member& member) { return !member.late || !member.late->absence(); }

// What the members answer. Those that aren't there are expected to do the same.
predict::PredictionKind kind_of(std::span<const EnsembleModel::Member> members, std::size_t quorum) {
  const EnsembleModel::Member* first = nullptr;
  std::size_t there = 0;
  std::optional<Error> absence;
  for (const auto& member : members) {
    if (!is_there(member)) {
      if (!absence) absence = member.late->absence()->within(fmt::format("member {}", member.name));
      continue;
    }
    ++there;
    if (first == nullptr) first = &member;
    const std::string differs =
        predict::difference(first->servable->kind(), first->name, member.servable->kind(), member.name);
    if (!differs.empty()) fail_data("members must answer the same: {}", differs);
  }
  // Whatever is wrong at the workers may be mended there.
  if (there < quorum) throw absence->as(ErrorKind::unavailable);
  return first->servable->kind();
}

// The columns of all members that are there, each once.
std::shared_ptr<const Schema> inputs_of(std::span<const EnsembleModel::Member> members) {
  auto all = std::make_shared<Schema>();
  for (const auto& member : members) {
    if (!is_there(member)) continue;
    const std::shared_ptr<const Schema> wanted = member.servable->inputs();
    for (const Field& field : wanted->fields) {
      const auto known = all->find(field.name);
      if (!known) {
        all->fields.push_back(field);
      } else if (all->fields[*known].type != field.type || all->fields[*known].shape != field.shape) {
        fail_data("members want different things as column '{}'", printable(field.name));
      }
    }
  }
  return all;
}

// In memory of its own: whoever made the request may use the rows' memory again as soon as it is answered,
// and a member that wasn't waited for is still at work then.
Batch copy_of(const Batch& batch) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(batch.rows));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  Batch out{batch.schema, batch.first_row, batch.rows, {}};
  for (std::size_t i = 0; i < batch.columns.size(); ++i)
    out.columns.push_back(take(batch.schema->fields[i], batch.columns[i], rows));
  return out;
}

}  // namespace

// A request's members come together.
class EnsembleModel::Gathering : public PieceCompletion {
 public:
  Gathering(EnsembleModel& model, std::shared_ptr<Request> whole)
      : PieceCompletion(std::move(whole), model.members_.size()), model_(model) {}

 protected:
  bool needs_all() const override { return model_.quorum_ == model_.members_.size(); }
  bool is_enough(Pieces pieces) const override {
    return count(pieces, Request::State::answered) >= model_.quorum_;
  }
  void put_together(Request& whole, Pieces pieces) override;

 private:
  static std::size_t count(Pieces pieces, Request::State state) {
    return static_cast<std::size_t>(std::count_if(
        pieces.begin(), pieces.end(), [&](const auto& piece) { return piece && piece->state == state; }));
  }
  void tell_why_not(Request& whole, Pieces pieces);
  EnsembleModel& model_;  // the whole's binding keeps it
};

void EnsembleModel::Gathering::put_together(Request& whole, Pieces pieces) {
  std::vector<const float*> outputs;
  std::vector<double> weights;
  for (std::size_t m = 0; m < pieces.size(); ++m) {
    if (!pieces[m] || pieces[m]->state != Request::State::answered) {
      model_.note_absence(m, pieces[m].get());
      continue;
    }
    model_.note_answer(m);
    outputs.push_back(pieces[m]->values.as<float>());
    weights.push_back(model_.weights_[m]);
    whole.took_part |= std::uint64_t{1} << m;
  }
  if (outputs.size() < model_.quorum_) return tell_why_not(whole, pieces);
  note_times(whole, pieces);
  if (outputs.size() < pieces.size()) model_.incomplete_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t bytes = static_cast<std::size_t>(whole.rows.rows * model_.kind().width()) * sizeof(float);
  if (whole.out == nullptr && (whole.values.data() == nullptr || whole.values.size() < bytes))
    whole.values = Buffer(bytes);
  model_.combine(whole, outputs, weights, whole.out != nullptr ? whole.out : whole.values.as<float>());
}

// A member that was only late would have sufficed, whatever became of the others. Else it is all who failed:
// one alone, which may have been away for long, would be taken for the reason.
void EnsembleModel::Gathering::tell_why_not(Request& whole, Pieces pieces) {
  using enum Request::State;
  PieceCompletion::put_together(whole, pieces);
  const std::size_t there = count(pieces, answered);
  if (there + count(pieces, late) >= model_.quorum_) {
    whole.state = late;
    whole.error.reset();
    return;
  }
  if (needs_all() || whole.state != failed || count(pieces, failed) < 2) return;
  std::string why;
  for (const auto& piece : pieces) {
    if (!piece || piece->state != failed || !piece->error) continue;
    // What is wrong with the rows, or with a device, is so whoever else answers.
    if (piece->error->kind() != ErrorKind::unavailable) {
      whole.error = piece->error;
      return;
    }
    why += (why.empty() ? "" : "; ") + piece->error->public_statement();
  }
  whole.error = make_error(ErrorKind::unavailable, "{} of {} members must answer, and {} did: {}",
                           model_.quorum_, pieces.size(), there, why);
}

// As ensemble::Combiner does.
void EnsembleModel::combine(Request& whole, std::span<const float* const> outputs,
                            std::span<const double> weights, float* out) {
  const std::int64_t rows = whole.rows.rows, width = member_kind_.width();
  if (stack_) {
    // Never more rows than it is ready for: the thread may be anybody's, and getting ready pins it to a core.
    std::vector<const float*> from(outputs.begin(), outputs.end());
    const std::lock_guard lock(stack_mutex_);
    for (std::int64_t row = 0; row < rows; row += stack_rows_) {
      const std::int64_t count = std::min(stack_rows_, rows - row);
      stack_->predict(whole.rows.first_row + row, count, from, out + row * stack_->kind().width());
      for (const float*& output : from) output += count * width;
    }
    return;
  }
  ensemble::combine_answers(member_kind_, rule_, outputs, weights, rows, out);
  if (!member_kind_.classes || outputs.size() == 1) return;
  whole.labels.resize(static_cast<std::size_t>(rows));
  ensemble::answer(outputs, rows, width, out, whole.labels.data());
}

void EnsembleModel::note_answer(std::size_t member) {
  Tally& tally = tallies_[member];
  tally.answered.fetch_add(1, std::memory_order_relaxed);
  tally.well.store(true, std::memory_order_relaxed);
}

// Without its request: it wasn't waited for. One that nobody wants any more says nothing of its member.
void EnsembleModel::note_absence(std::size_t member, Request* request) {
  if (request != nullptr && request->state == Request::State::cancelled) return;
  Tally& tally = tallies_[member];
  tally.well.store(false, std::memory_order_relaxed);
  const bool late = request == nullptr || request->state == Request::State::late;
  (late ? tally.late : tally.failed).fetch_add(1, std::memory_order_relaxed);
  std::string fault = late ? "it was late" : "it failed";
  if (request != nullptr && request->error) {
    fault = request->error->statement();
    request->error = request->error->within(fmt::format("member {}", names_[member]));
  }
  if (members_[member].late && !late) members_[member].late->note_failure();
  const std::lock_guard lock(tally.mutex);
  tally.fault = std::move(fault);
}

// Calls gatherings when their time is up, in a thread of its own.
class EnsembleModel::Alarms {
 public:
  // Whom it calls may be the last that has the ensemble: then the thread ends by itself.
  ~Alarms() {
    {
      const std::lock_guard lock(state_->mutex);
      state_->stop = true;
      state_->changed.notify_all();
    }
    if (!thread_.joinable()) return;
    thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
  }
  void set(Clock::time_point when, std::weak_ptr<Gathering> whom) {
    const std::lock_guard lock(state_->mutex);
    // Here, and not in the thread that loads, whose way of giving way to others it would have.
    if (!thread_.joinable()) thread_ = std::thread([state = state_] { run(*state); });
    state_->waiting.emplace(when, std::move(whom));
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::multimap<Clock::time_point, std::weak_ptr<Gathering>> waiting;
    bool stop = false;
  };
  static void run(State& state) {
    std::unique_lock lock(state.mutex);
    while (!state.stop) {
      if (state.waiting.empty()) {
        state.changed.wait(lock);
        continue;
      }
      const auto first = state.waiting.begin();
      const auto when = first->first;
      if (when > Clock::machine().now()) {
        state.changed.wait_until(lock, when);
        continue;
      }
      auto whom = first->second.lock();
      state.waiting.erase(first);
      lock.unlock();
      if (whom) whom->time_is_up();
      whom.reset();
      lock.lock();
    }
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

EnsembleModel::EnsembleModel(std::string name, std::uint64_t version, std::vector<Member> members,
                             const Options& options)
    : Servable(std::move(name), version),
      members_(std::move(members)),
      tallies_(std::make_unique<Tally[]>(members_.size())),
      quorum_(options.quorum == 0 ? members_.size() : options.quorum),
      deadline_(options.deadline),
      member_kind_(kind_of(members_, quorum_)),
      inputs_(inputs_of(members_)) {
  bool weighted = false;
  for (const Member& member : members_) {
    const bool there = is_there(member);
    if (member.late) member.late->expect(member_kind_, inputs_);
    weights_.push_back(member.weight);
    const auto same = std::count_if(std::as_const(members_).data(), &member,
                                    [&](const Member& m) { return m.name == member.name; });
    names_.push_back(same == 0 ? member.name : fmt::format("{} ({})", member.name, same + 1));
    weighted = weighted || member.weight != 1;
    digest_ += (digest_.empty() ? "" : ",") + (there ? member.servable->digest() : std::string("-"));
  }
  if (options.combination.kind == ensemble::Combination::Kind::stack) {
    const auto features = member_kind_.width() * static_cast<std::int64_t>(members_.size());
    stack_.emplace(options.combination.model, options.stack_device, features);
    digest_ += "," + stack_->digest();
  } else {
    rule_ = rule_of(options.combination, member_kind_, weighted);
  }
  outputs_ = predict::PredictionBuilder(kind(), *inputs_, false, {}).schema();
  if (deadline_.count() > 0 && quorum_ < members_.size()) alarms_ = std::make_unique<Alarms>();
}

EnsembleModel::~EnsembleModel() = default;

BoundTable EnsembleModel::bind(const Schema& table) const {
  BoundTable bound;
  for (const Member& member : members_) {
    try {
      bound.members.push_back(serving::bind(member.servable, table));
    } catch (const Error& error) {
      throw error.within(fmt::format("member {}", member.name));
    }
  }
  return bound;
}

bool EnsembleModel::submit(std::shared_ptr<Request> request) {
  const auto& bindings = request->binding->table.members;
  const auto gathering = std::make_shared<Gathering>(*this, request);
  const std::int64_t rows = request->rows.rows;
  const std::optional<Batch> copy = alarms_ ? std::optional(copy_of(request->rows)) : std::nullopt;
  const auto time_is_up = request->arrived + deadline_;
  used(request->arrived);
  bool any = false;
  // From the moment that the last piece is handed over the request is nobody's here.
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const auto piece = gathering->piece(gathering, m, bindings[m], 0, rows);
    if (copy) piece->rows = *copy;
    if (m + 1 == members_.size() && alarms_) alarms_->set(time_is_up, gathering);
    if (members_[m].servable->submit(piece)) {
      any = true;
    } else if (!any && (m + 1 == members_.size() || quorum_ == members_.size())) {
      return false;
    } else {
      gathering->fail(piece, make_error(ErrorKind::unavailable, "too much waits for it"));
    }
  }
  return true;
}

// At the deadline those are left out that the quorum doesn't need.
std::chrono::microseconds EnsembleModel::predicted_wait(std::int64_t rows, Priority priority) const {
  std::array<std::chrono::microseconds, ensemble::EnsembleFile::most_members> waits{};
  const auto end = waits.begin() + static_cast<std::ptrdiff_t>(std::min(members_.size(), waits.size()));
  std::transform(members_.begin(), members_.begin() + (end - waits.begin()), waits.begin(),
                 [&](const Member& member) { return member.servable->predicted_wait(rows, priority); });
  const auto longest = *std::max_element(waits.begin(), end);
  if (!alarms_) return longest;
  const auto needed = waits.begin() + static_cast<std::ptrdiff_t>(quorum_ - 1);
  std::nth_element(waits.begin(), needed, end);
  return rows == 0 ? *needed : std::min(longest, std::max<std::chrono::microseconds>(*needed, deadline_));
}

bool EnsembleModel::is_crowded() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& member) { return member.servable->is_crowded(); });
}

std::uint64_t EnsembleModel::bytes() const {
  std::uint64_t sum = stack_weight_bytes_ + stack_step_bytes_;
  for (const Member& member : members_) sum += member.servable->bytes();
  return sum;
}

namespace {

void add_unknown(std::vector<UnknownTexts>& all, UnknownTexts one) {
  const auto known = std::find_if(all.begin(), all.end(),
                                  [&](const UnknownTexts& other) { return other.column == one.column; });
  if (known == all.end()) {
    all.push_back(std::move(one));
  } else {
    known->cells += one.cells;
  }
}

}  // namespace

LoadReport EnsembleModel::report() const {
  LoadReport all;
  all.weight_bytes = stack_weight_bytes_;
  all.step_bytes = stack_step_bytes_;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const Member& member = members_[m];
    const Tally& tally = tallies_[m];
    LoadReport one = member.servable->report();
    all.slo = std::max(all.slo, one.slo);
    all.weight_bytes += one.weight_bytes;
    all.step_bytes += one.step_bytes;
    all.finite = all.finite && one.finite;
    for (UnknownTexts& unknown : one.unknown) add_unknown(all.unknown, std::move(unknown));
    for (DeviceLoad& load : one.devices) {
      load.member = names_[m];
      all.devices.push_back(std::move(load));
    }
    MemberLoad& load = all.members.emplace_back();
    load.name = names_[m];
    load.where = member.where;
    load.weight = member.weight;
    load.answered = tally.answered.load(std::memory_order_relaxed);
    load.failed = tally.failed.load(std::memory_order_relaxed);
    load.late = tally.late.load(std::memory_order_relaxed);
    if (const auto absence = member.late ? member.late->fault() : std::nullopt) {
      load.fault = absence->statement();
    } else if (!tally.well.load(std::memory_order_relaxed)) {
      const std::lock_guard lock(tally.mutex);
      load.fault = tally.fault;
    }
  }
  all.quorum = quorum_;
  all.incomplete = incomplete_.load(std::memory_order_relaxed);
  return all;
}

std::optional<Error> EnsembleModel::absence() const {
  std::size_t there = members_.size();
  std::optional<Error> first;
  std::string all;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const auto fault = members_[m].late ? members_[m].late->fault() : std::nullopt;
    if (!fault) continue;
    --there;
    const Error why = fault->within(fmt::format("member {}", names_[m]));
    if (!first) first = why.as(ErrorKind::unavailable);
    all += (all.empty() ? "" : "; ") + why.public_statement();
  }
  if (there >= quorum_) return std::nullopt;
  if (there + 1 == members_.size()) return first;
  return make_error(ErrorKind::unavailable, "{} of {} members must answer, and {} can: {}", quorum_,
                    members_.size(), there, all);
}

std::optional<std::chrono::nanoseconds> EnsembleModel::try_step(std::int64_t rows) {
  std::chrono::nanoseconds sum{};
  for (const Member& member : members_) {
    const auto time = member.servable->try_step(rows);
    if (!time) return std::nullopt;
    sum += *time;
  }
  return sum;
}

// The members come last: where the thread is pinned after them is where it is to be.
void EnsembleModel::warm_up(const WarmUp& options) {
  if (stack_) {
    stack_rows_ = options.rows;
    const auto floats = [&](std::int64_t width) {
      return static_cast<std::size_t>(options.rows * width) * sizeof(float);
    };
    Buffer zeros(floats(member_kind_.width())), out(floats(kind().width()));
    std::memset(zeros.data(), 0, zeros.size());
    const std::vector<const float*> outputs(members_.size(), zeros.as<float>());
    stack_->predict(0, options.rows, outputs, out.as<float>());
    stack_weight_bytes_ = stack_->weight_bytes();
    stack_step_bytes_ = stack_->step_bytes();
  }
  for (const Member& member : members_) {
    if (auto* model = dynamic_cast<LocalModel*>(member.servable.get())) model->warm_up(options);
  }
}

}  // namespace nn::serving
