#include "serving/step_queue.hpp"

#include <algorithm>
#include <utility>

namespace nn::serving {
namespace {

constexpr std::int64_t least_rows = 16;        // of a step that is cut by time: fewer aren't worth it
constexpr std::chrono::seconds remembered{1};  // that somebody else has been here
constexpr std::chrono::milliseconds crowd_remembered{200};
// Work that waits when a step begins, in SLOs: where it is less there is no crowd any more; and where it is
// more the newest come first. A door that lets in one SLO's work goes beyond it by a request or two.
constexpr double crowd_work = 0.7, much_work = 2;
constexpr std::int64_t most_passed = 8;  // large requests that others are let before, in a step
constexpr std::int64_t least_slice = 8;  // rows of a piece of a large request
constexpr double whole_in_rows = 3;      // what a request may take that isn't cut, in steps of a row

std::uint32_t lane_of(const Request& request) { return static_cast<std::uint32_t>(request.priority); }
constexpr auto shadow_lane = static_cast<std::uint32_t>(Priority::shadow);

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::int64_t left_of(const Request& request) { return request.rows.rows - request.taken; }

// Written by one thread, read by others.
template <typename T>
void add_to(std::atomic<T>& sum, T change) {
  sum.store(sum.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

}  // namespace

template <typename T>
StepQueue::Index StepQueue::Pool<T>::take() {
  if (!free.empty()) {
    const Index index = free.back();
    free.pop_back();
    return index;
  }
  all.emplace_back();
  free.reserve(all.capacity());  // giving back must not fail
  return static_cast<Index>(all.size() - 1);
}

template <typename T>
void StepQueue::Pool<T>::give_back(Index index) {
  all[index] = T();
  free.push_back(index);
}

std::size_t StepQueue::ClientHash::operator()(const ClientKey& key) const {
  // Fibonacci hashing (Knuth, TAOCP 3, section 6.4): client numbers count up.
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;
  return static_cast<std::size_t>(
      (key.number * priority_count + key.lane + (std::uint64_t{key.model} << 40)) * golden);
}

bool StepQueue::push(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request) {
  const auto known = by_servable_.find(servable.get());
  const bool is_known = known != by_servable_.end();
  if (!empty() && bytes_ + request->bytes > limits_.queue_bytes) return false;
  if (is_known && models_[known->second].rows + request->rows.rows > limits_.queue_rows) return false;
  notice_others(*servable, *request);
  add(is_known ? known->second : add_model(servable), std::move(request));
  return true;
}

// Does the request meet somebody else's?
void StepQueue::notice_others(const LocalServable& servable, const Request& request) {
  const std::uint32_t lane = lane_of(request);
  bool others = false, of_other_kind = false;
  if (computing_.servable != nullptr) {
    of_other_kind = computing_.servable != &servable || computing_.lane != lane;
    others = of_other_kind || computing_.client != request.client;
  }
  for (const auto& [turn, index] : turns_.map()) {
    const Model& model = models_[index];
    of_other_kind = of_other_kind || model.servable.get() != &servable || turn.lane != lane;
    others = others || of_other_kind || model.clients > 1 ||
             clients_[model.lanes[turn.lane].first].key.number != request.client;
    if (of_other_kind) break;
  }
  if (others) {
    others_came_ = request.arrived;
    alone_ = false;
  }
  if (of_other_kind) {
    others_of_other_kind_came_ = request.arrived;
    alike_ = false;
  }
  if (others && request.rows.rows <= cut_of(servable, limits_.step_rows).whole) {
    small_ones_came_ = request.arrived;
    small_ones_ = true;
  }
}

StepQueue::Index StepQueue::add_model(const std::shared_ptr<LocalServable>& servable) {
  const double time = last_.servable == servable.get() ? std::max(time_, last_.time) : time_;
  const Index index = models_.take();
  Model& model = models_[index];
  model.servable = servable;
  model.turn = {shadow_lane, time, ++next_turn_};
  turns_.insert(model.turn, index);
  by_servable_.insert(servable.get(), index);
  return index;
}

void StepQueue::set_turn(Index index, Turn turn) {
  Model& model = models_[index];
  if (turn == model.turn) return;
  turns_.rekey(turns_.find(model.turn), turn);
  model.turn = turn;
}

std::uint32_t StepQueue::best_lane(const Model& model) {
  for (std::uint32_t lane = 0; lane < shadow_lane; ++lane) {
    if (model.lanes[lane].oldest != none) return lane;
  }
  return shadow_lane;
}

// Counts rows that come, or, below 0, go.
void StepQueue::count(const Entry& entry, std::int64_t rows) {
  const std::uint32_t lane = lane_of(*entry.request);
  Model& model = models_[clients_[entry.client].key.model];
  model.rows += rows;
  model.servable->count_waiting(rows);
  add_to(waiting_rows_, rows);
  add_to(waiting_cost_[lane], entry.row_cost * static_cast<double>(rows));
}

void StepQueue::add(Index index, std::shared_ptr<Request> request) {
  const std::uint32_t lane_number = lane_of(*request);
  const ClientKey key{request->client, index, lane_number};
  Lane& lane = models_[index].lanes[lane_number];
  auto known = by_client_.find(key);
  if (known == by_client_.end()) {
    const Index client = clients_.take();
    clients_[client] = {key, none, none, lane.last, none};
    (lane.last == none ? lane.first : clients_[lane.last].behind) = client;
    lane.last = client;
    ++lane.clients;
    ++models_[index].clients;
    known = by_client_.insert(key, client);
  }
  Client& client = clients_[known->second];
  const Index at = entries_.take();
  Entry& entry = entries_[at];
  const Model& model = models_[index];
  entry.row_cost = row_cost(model, left_of(*request));
  entry.client = known->second;
  entry.older = lane.newest;
  (lane.newest == none ? lane.oldest : entries_[lane.newest].newer) = at;
  lane.newest = at;
  entry.before = client.last;
  (client.last == none ? client.first : entries_[client.last].behind) = at;
  client.last = at;
  bytes_ += request->bytes;
  ++waiting_[lane_number];
  entry.request = std::move(request);
  count(entry, left_of(*entry.request));
  if (lane_number < model.turn.lane) {
    Turn turn = model.turn;
    turn.lane = lane_number;
    set_turn(index, turn);
  }
}

// Takes an entry out, with what is left of its request.
void StepQueue::remove(Index at) {
  Entry& entry = entries_[at];
  Client& client = clients_[entry.client];
  const std::uint32_t lane_number = client.key.lane;
  Lane& lane = models_[client.key.model].lanes[lane_number];
  (entry.older == none ? lane.oldest : entries_[entry.older].newer) = entry.newer;
  (entry.newer == none ? lane.newest : entries_[entry.newer].older) = entry.older;
  (entry.before == none ? client.first : entries_[entry.before].behind) = entry.behind;
  (entry.behind == none ? client.last : entries_[entry.behind].before) = entry.before;
  bytes_ -= entry.request->bytes;
  count(entry, -left_of(*entry.request));
  // Sums of what comes and goes lose digits: they begin anew.
  if (--waiting_[lane_number] == 0) waiting_cost_[lane_number].store(0, std::memory_order_relaxed);
  if (client.first == none) remove_client(entry.client);
  entries_.give_back(at);
}

void StepQueue::remove_client(Index index) {
  const Client& client = clients_[index];
  Model& model = models_[client.key.model];
  Lane& lane = model.lanes[client.key.lane];
  (client.before == none ? lane.first : clients_[client.before].behind) = client.behind;
  (client.behind == none ? lane.last : clients_[client.behind].before) = client.before;
  --lane.clients;
  --model.clients;
  by_client_.erase(by_client_.find(client.key));
  clients_.give_back(index);
}

// The first client has had its turn.
void StepQueue::rotate(Lane& lane) {
  if (lane.first == lane.last) return;
  const Index index = lane.first;
  Client& client = clients_[index];
  lane.first = client.behind;
  clients_[lane.first].before = none;
  clients_[lane.last].behind = index;
  client.before = lane.last;
  client.behind = none;
  lane.last = index;
}

std::int64_t StepQueue::rows_in(const Model& model, std::chrono::microseconds time) const {
  const double cost = model.servable->row_cost();
  if (cost <= 0) return limits_.step_rows;
  const double in_time = seconds(time) / cost;
  if (in_time >= static_cast<double>(limits_.step_rows)) return limits_.step_rows;
  return std::min(limits_.step_rows, std::max(least_rows, static_cast<std::int64_t>(in_time)));
}

std::int64_t StepQueue::rows_of_step(const Model& model) const {
  const bool pieces_apart = limits_.slice_time.count() > 0;
  const bool is_long = alone_ || (alike_ && pieces_apart);
  const std::int64_t most = rows_in(model, is_long ? limits_.step_time_alone : limits_.step_time);
  if (limits_.slo.count() == 0) return most;
  return std::min(most, model.servable->best_rows(seconds(limits_.slo) / 2, limits_.step_rows));
}

// Steps of a row may cost so much that small pieces are mostly that: a request of few rows is no large one,
// and large ones have small pieces only while small ones come.
StepQueue::Cut StepQueue::cut_of(const LocalServable& servable, std::int64_t of_step) const {
  const double slice_time = seconds(limits_.slice_time);
  if (slice_time == 0) return {of_step, of_step};
  const CostCurve& curve = servable.curve();
  const auto rows_in = [&](double rows_alone) {
    const double time = std::max(slice_time, rows_alone * curve.cost(1));
    return std::min(of_step, std::max(least_slice, curve.most_rows(time, of_step)));
  };
  return {rows_in(whole_in_rows), rows_in(small_ones_ ? 1 : whole_in_rows)};
}

// What each of `rows` rows of a request will have cost that comes now.
double StepQueue::row_cost(const Model& model, std::int64_t rows) const {
  const std::int64_t of_step = rows_of_step(model);
  const Cut cut = cut_of(*model.servable, of_step);
  if (alone_ || rows <= cut.whole || limits_.slice_time.count() == 0)
    return model.servable->shared_row_cost(of_step);
  return model.servable->curve().cost(cut.piece) / static_cast<double>(cut.piece);
}

Clock::time_point StepQueue::ready_at(const Model& model) const {
  auto first = Clock::time_point::max();
  for (const Lane& lane : model.lanes) {
    if (lane.oldest != none) first = std::min(first, entries_[lane.oldest].request->arrived);
  }
  return model.rows >= rows_of_step(model) ? first : first + limits_.delay;
}

std::optional<Clock::time_point> StepQueue::ready_at() const {
  if (empty()) return std::nullopt;
  if (limits_.delay.count() == 0) return Clock::time_point::min();
  std::optional<Clock::time_point> earliest;
  for (const auto& [turn, index] : turns_.map()) {
    const auto at = ready_at(models_[index]);
    if (!earliest || at < *earliest) earliest = at;
  }
  return earliest;
}

// Says what nobody waits for any more.
bool StepQueue::is_wanted(Request& request, Clock::time_point now) const {
  if (request.state != Request::State::waiting) return false;  // some of its rows could not be computed
  const bool begun = request.taken > 0;
  const auto longest = limits_.longest_wait;
  if (request.is_cancelled()) {
    request.state = Request::State::cancelled;
  } else if ((request.deadline && now >= *request.deadline) ||
             (longest.count() > 0 && !begun && now - request.arrived > longest)) {
    request.state = Request::State::late;
  }
  if (!begun) request.waited = std::chrono::duration_cast<std::chrono::microseconds>(now - request.arrived);
  return request.state == Request::State::waiting;
}

// Takes out what nobody waits for any more.
bool StepQueue::drop_unwanted(Index at, Clock::time_point now, Requests& over) {
  std::shared_ptr<Request>& request = entries_[at].request;
  const bool open = request->state == Request::State::waiting;  // else the step that failed has completed it
  if (is_wanted(*request, now)) return false;
  if (open) over.push_back(request);
  remove(at);
  return true;
}

// Where the newest come first, the oldest would wait for an end of the crowd.
void StepQueue::drop_oldest(Lane& lane, Clock::time_point now, Requests& over) {
  while (lane.oldest != none && drop_unwanted(lane.oldest, now, over)) {
  }
}

// Requests that came too long ago are late soon, whatever is done: in the time that they would take, new ones
// can be answered in time (Maurer, Fail at Scale, ACM Queue 13-8, "Adaptive LIFO"). Once little waits, the
// oldest come first again: nobody need be left to the end of the longest wait.
void StepQueue::look_how_it_stands(Model& model, Clock::time_point now) {
  if (limits_.slo.count() == 0) return;
  auto first = Clock::time_point::max();
  for (const Priority priority : {Priority::high, Priority::normal}) {
    const Lane& lane = model.lanes[static_cast<std::size_t>(priority)];
    if (lane.oldest != none) first = std::min(first, entries_[lane.oldest].request->arrived);
  }
  // Turns let some wait for longer than others: what waits must be more than is done in time as well.
  double work = 0;
  for (const Priority priority : {Priority::high, Priority::normal})
    work += waiting_cost_[static_cast<std::size_t>(priority)].load(std::memory_order_relaxed);
  const bool is_much = work == 0 || work > much_work * seconds(limits_.slo);
  const bool waits_long = first != Clock::time_point::max() && now - first > limits_.slo;
  const bool stands = waits_long && is_much;
  if (!stands) {
    model.stands_since.reset();
  } else if (!model.stands_since) {
    model.stands_since = now;
  }
  model.newest_first = stands && now - *model.stands_since >= limits_.patience;
  any_newest_first_.store(model.newest_first, std::memory_order_relaxed);
  // It stays so while the door, which lets in as much as is done within the SLO, has to: less waits at most
  // times where it needn't.
  const bool is_full = work > crowd_work * seconds(limits_.slo);
  if (model.newest_first || (is_full && crowded(now)))
    crowded_until_.store((now + crowd_remembered).time_since_epoch().count(), std::memory_order_relaxed);
}

void StepQueue::take(Step& step, Index at, std::int64_t rows) {
  Entry& entry = entries_[at];
  Request& request = *entry.request;
  step.slices.push_back({entry.request, request.taken, rows});
  step.rows += rows;
  count(entry, -rows);
  request.taken += rows;
  if (left_of(request) == 0) remove(at);
}

// Each client in turn gives a request, or as much of it as its share of the step is. False where the step is
// over.
bool StepQueue::fill_from(Step& step, Index index, std::uint32_t lane_number, Clock::time_point now,
                          Requests& over) {
  Model& model = models_[index];
  Lane& lane = model.lanes[lane_number];
  // Whoever comes while shadows are computed waits for the end of their step: it is a piece, whoever is
  // there.
  const bool shadows = lane_number == shadow_lane;
  const std::int64_t of_step = rows_of_step(model);
  const Cut cut_at = alone_ && !shadows ? Cut{of_step, of_step} : cut_of(*model.servable, of_step);
  const std::int64_t most = shadows ? cut_at.piece : of_step;
  const bool apart = limits_.slice_time.count() > 0;  // pieces have steps of their own
  const bool newest = model.newest_first;
  if (newest) drop_oldest(lane, now, over);
  // After a piece those who came meanwhile are next, though large requests are before them.
  std::int64_t may_pass = model.piece_was_last && !newest ? std::min(most_passed, lane.clients) : 0;
  const std::int64_t share =
      newest ? most : std::max<std::int64_t>(least_rows, most / std::max<std::int64_t>(lane.clients, 1));
  std::int64_t most_left = most;  // 0: nothing shares the step
  while (lane.oldest != none) {
    if (step.rows >= most_left) return false;
    const Index client = newest ? entries_[lane.newest].client : lane.first;
    const Index at = newest ? lane.newest : clients_[client].first;
    const bool last_of_client = clients_[client].first == clients_[client].last;
    bool stays = !last_of_client;
    if (!drop_unwanted(at, now, over)) {
      const std::int64_t left = left_of(*entries_[at].request);
      const bool cut = left > std::min(cut_at.whole, most);
      if (cut && apart && may_pass > 0 && lane.clients > 1) {
        --may_pass;
        rotate(lane);
        continue;
      }
      if (cut && apart && !step.slices.empty()) return false;  // it begins the next one
      const std::int64_t rows = !cut ? left : apart ? cut_at.piece : std::min(share, most - step.rows);
      if (rows > most - step.rows) return false;  // what fits a step isn't cut; it begins the next one
      take(step, at, rows);
      stays = stays || rows < left;
      if (cut && apart) most_left = 0;
    }
    if (!newest && stays) rotate(lane);
  }
  return true;
}

void StepQueue::fill(Step& step, Index index, Clock::time_point now, Requests& over) {
  Model& model = models_[index];
  look_how_it_stands(model, now);
  std::uint32_t lane = model.turn.lane;
  const std::uint32_t end = lane == shadow_lane ? priority_count : shadow_lane;
  while (lane < end && fill_from(step, index, lane, now, over)) ++lane;
  const bool cut = std::any_of(step.slices.begin(), step.slices.end(),
                               [](const Slice& slice) { return slice.rows < slice.request->rows.rows; });
  model.piece_was_last = cut && limits_.slice_time.count() > 0;
}

bool StepQueue::next(Clock::time_point now, Step& step, Requests& over) {
  step.servable.reset();
  step.slices.clear();
  step.rows = 0;
  alone_ = !others_came_ || now - *others_came_ > remembered;
  alike_ = !others_of_other_kind_came_ || now - *others_of_other_kind_came_ > remembered;
  small_ones_ = small_ones_came_ && now - *small_ones_came_ <= remembered;
  for (;;) {
    auto chosen = turns_.begin();
    if (limits_.delay.count() > 0) {
      while (chosen != turns_.end() && ready_at(models_[chosen->second]) > now) ++chosen;
    }
    if (chosen == turns_.end()) return false;
    const Index index = chosen->second;
    Model& model = models_[index];
    step.servable = model.servable;
    // One of a worse priority has not saved the others' time up.
    Turn turn = model.turn;
    turn.time = time_ = std::max(time_, turn.time);
    fill(step, index, now, over);
    if (model.clients == 0) {
      last_ = {model.servable.get(), turn.time};
      by_servable_.erase(by_servable_.find(model.servable.get()));
      turns_.erase(turns_.find(model.turn));
      if (model.newest_first) any_newest_first_.store(false, std::memory_order_relaxed);
      models_.give_back(index);
    } else {
      turn.lane = best_lane(model);
      set_turn(index, turn);
    }
    if (step.slices.empty()) continue;
    computing_ = {step.servable.get(), step.slices[0].request->client, lane_of(*step.slices[0].request)};
    for (const Slice& slice : step.slices) {
      if (slice.request->client != computing_.client) computing_.client.reset();
    }
    const auto cost = std::chrono::duration<double>(step.servable->curve().cost(step.rows));
    busy_until_.store((now + std::chrono::duration_cast<Clock::duration>(cost)).time_since_epoch().count(),
                      std::memory_order_relaxed);
    return true;
  }
}

void StepQueue::computed(const Step& step, Clock::duration time) {
  computing_ = {};
  busy_until_.store(INT64_MIN, std::memory_order_relaxed);
  step.servable->note_step(step.rows, time);
  const auto known = by_servable_.find(step.servable.get());
  if (known != by_servable_.end()) {
    Turn turn = models_[known->second].turn;
    turn.time += seconds(time);
    set_turn(known->second, turn);
  } else if (last_.servable == step.servable.get()) {
    last_.time += seconds(time);
  }
}

Clock::duration StepQueue::predicted_wait(Priority priority, Clock::time_point now) const {
  double cost = 0;
  for (std::size_t lane = 0; lane <= static_cast<std::size_t>(priority); ++lane)
    cost += waiting_cost_[lane].load(std::memory_order_relaxed);
  const auto waiting = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(cost));
  const std::int64_t until = busy_until_.load(std::memory_order_relaxed);
  const std::int64_t from = now.time_since_epoch().count();
  return waiting + Clock::duration(until > from ? until - from : 0);
}

Requests StepQueue::clear() {
  Requests all;
  while (!turns_.empty()) {
    const Index index = turns_.begin()->second;
    for (Lane& lane : models_[index].lanes) {
      while (lane.oldest != none) {
        std::shared_ptr<Request> request = entries_[lane.oldest].request;
        remove(lane.oldest);
        // What is left of one that failed in a step has been completed with that.
        if (request->state == Request::State::waiting) all.push_back(std::move(request));
      }
    }
    by_servable_.erase(by_servable_.find(models_[index].servable.get()));
    turns_.erase(turns_.begin());
    models_.give_back(index);
  }
  return all;
}

}  // namespace nn::serving
