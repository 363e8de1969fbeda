#include "serving/ensemble_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "base/text.hpp"
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

// The columns of all members, each once.
std::shared_ptr<const Schema> inputs_of(std::span<const EnsembleModel::Member> members) {
  auto all = std::make_shared<Schema>();
  for (const auto& member : members) {
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
  Gathering(const EnsembleModel& model, std::shared_ptr<Request> whole)
      : PieceCompletion(std::move(whole), model.members_.size()), model_(model) {}

 protected:
  bool needs_all() const override { return model_.quorum_ == model_.members_.size(); }
  bool is_enough(Pieces pieces) const override { return answered(pieces) >= model_.quorum_; }
  void put_together(Request& whole, Pieces pieces) override;

 private:
  static std::size_t answered(Pieces pieces) {
    return static_cast<std::size_t>(std::count_if(pieces.begin(), pieces.end(), [](const auto& piece) {
      return piece && piece->state == Request::State::answered;
    }));
  }
  const EnsembleModel& model_;  // the whole's binding keeps it
};

// As ensemble::Combiner does.
void EnsembleModel::Gathering::put_together(Request& whole, Pieces pieces) {
  if (answered(pieces) < model_.quorum_) return PieceCompletion::put_together(whole, pieces);
  note_times(whole, pieces);
  std::vector<const float*> outputs;
  std::vector<double> weights;
  for (std::size_t m = 0; m < pieces.size(); ++m) {
    if (!pieces[m] || pieces[m]->state != Request::State::answered) continue;
    outputs.push_back(pieces[m]->values.as<float>());
    weights.push_back(model_.weights_[m]);
    whole.took_part |= std::uint64_t{1} << m;
  }
  const predict::PredictionKind& kind = model_.kind();
  const std::int64_t rows = whole.rows.rows, width = kind.width();
  const std::size_t bytes = static_cast<std::size_t>(rows * width) * sizeof(float);
  if (whole.out == nullptr && (whole.values.data() == nullptr || whole.values.size() < bytes))
    whole.values = Buffer(bytes);
  float* out = whole.out != nullptr ? whole.out : whole.values.as<float>();
  const auto combine = kind.classes ? ensemble::combine_classes : ensemble::combine_numbers;
  combine(model_.rule_, outputs, weights, rows, width, out);
  if (!kind.classes || outputs.size() == 1) return;
  whole.labels.resize(static_cast<std::size_t>(rows));
  ensemble::answer(outputs, rows, width, out, whole.labels.data());
}

// Calls gatherings when their time is up, in a thread of its own.
class EnsembleModel::Alarms {
 public:
  ~Alarms() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  void set(Clock::time_point when, std::weak_ptr<Gathering> whom) {
    const std::lock_guard lock(mutex_);
    // Here, and not in the thread that loads, whose way of giving way to others it would have.
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    waiting_.emplace(when, std::move(whom));
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (waiting_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto first = waiting_.begin();
      if (first->first > Clock::machine().now()) {
        changed_.wait_until(lock, first->first);
        continue;
      }
      const auto whom = first->second.lock();
      waiting_.erase(first);
      lock.unlock();
      if (whom) whom->time_is_up();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::weak_ptr<Gathering>> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

std::vector<EnsembleModel::Member> EnsembleModel::open(const ensemble::EnsembleFile& file,
                                                       std::span<const Place> places,
                                                       backend::Precision precision) {
  std::vector<Member> members;
  std::size_t turn = 0;
  for (const auto& one : file.members) {
    auto place = places.begin() + static_cast<std::ptrdiff_t>(turn % places.size());
    if (one.device) {
      const std::string wanted = backend::to_string(*one.device);
      place = std::find_if(places.begin(), places.end(),
                           [&](const Place& p) { return backend::to_string(p.device) == wanted; });
      if (place == places.end())
        fail_data("member {} is for {}, which is not a device here", one.name, wanted);
    } else {
      ++turn;
    }
    try {
      members.push_back(
          {one.name, one.weight,
           std::make_shared<LocalModel>(one.name, 1, one.path, place->device, precision, place->batcher)});
    } catch (const Error& error) {
      throw error.within(fmt::format("member {}", one.name));
    }
  }
  return members;
}

EnsembleModel::EnsembleModel(std::string name, std::uint64_t version, const ensemble::EnsembleFile& file,
                             std::span<const Place> places, backend::Precision precision)
    : EnsembleModel(std::move(name), version, open(file, places, precision),
                    {file.combination, file.quorum, file.deadline}) {}

EnsembleModel::EnsembleModel(std::string name, std::uint64_t version, std::vector<Member> members,
                             Options options)
    : Servable(std::move(name), version),
      members_(std::move(members)),
      quorum_(options.quorum == 0 ? members_.size() : options.quorum),
      deadline_(options.deadline),
      inputs_(inputs_of(members_)),
      outputs_(predict::PredictionBuilder(kind(), *inputs_, false, {}).schema()) {
  bool weighted = false;
  for (const Member& member : members_) {
    const std::string differs =
        predict::difference(kind(), members_.front().name, member.servable->kind(), member.name);
    if (!differs.empty()) fail_data("members must answer the same: {}", differs);
    weights_.push_back(member.weight);
    names_.push_back(member.name);
    weighted = weighted || member.weight != 1;
    digest_ += (digest_.empty() ? "" : ",") + member.servable->digest();
  }
  rule_ = rule_of(options.combination, kind(), weighted);
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
    } else if (!any && m + 1 == members_.size()) {
      return false;
    } else if (!any && quorum_ == members_.size()) {
      return false;
    } else {
      gathering->fail(piece, make_error(ErrorKind::unavailable, "too much waits for member {}", names_[m]));
    }
  }
  return true;
}

std::chrono::microseconds EnsembleModel::predicted_wait(std::int64_t rows, Priority priority) const {
  std::chrono::microseconds longest{0};
  for (const Member& member : members_)
    longest = std::max(longest, member.servable->predicted_wait(rows, priority));
  return longest;
}

bool EnsembleModel::is_crowded() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& member) { return member.servable->is_crowded(); });
}

std::uint64_t EnsembleModel::bytes() const {
  std::uint64_t sum = 0;
  for (const Member& member : members_) sum += member.servable->bytes();
  return sum;
}

LoadReport EnsembleModel::report() const {
  LoadReport all;
  for (const Member& member : members_) {
    LoadReport one = member.servable->report();
    all.slo = one.slo;
    all.weight_bytes += one.weight_bytes;
    all.step_bytes += one.step_bytes;
    for (DeviceLoad& load : one.devices) {
      load.member = member.name;
      all.devices.push_back(std::move(load));
    }
    all.finite = all.finite && one.finite;
  }
  return all;
}

void EnsembleModel::warm_up(const WarmUp& options) {
  for (const Member& member : members_) {
    if (auto* model = dynamic_cast<LocalModel*>(member.servable.get())) model->warm_up(options);
  }
}

}  // namespace nn::serving
