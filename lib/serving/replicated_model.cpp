#include "serving/replicated_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "serving/shared_rows.hpp"

namespace nn::serving {
namespace {

constexpr std::int64_t least_rows = 16;  // that are worth a piece
// What cutting a request must gain: its pieces are handed over and put together.
constexpr double least_gain_s = 100e-6;

double seconds(std::chrono::microseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::vector<std::int64_t> share_out(std::int64_t rows, std::span<const Offer> offers, std::int64_t least) {
  std::vector<std::size_t> order(offers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto begin_of = [&](std::size_t i) { return offers[i].wait + offers[i].base; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return begin_of(a) < begin_of(b); });
  std::vector<std::int64_t> shares(offers.size());
  // With k devices all end at T, where the sum of (T - begin) / slope is the rows. One that begins after
  // that, or would get too little, is left out.
  for (std::size_t count = order.size(); count > 0; --count) {
    double speed = 0, begun = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const double slope = std::max(offers[order[k]].slope, 1e-12);
      speed += 1 / slope;
      begun += begin_of(order[k]) / slope;
    }
    const double end = (static_cast<double>(rows) + begun) / speed;
    const auto share_of = [&](std::size_t k) {
      return (end - begin_of(order[k])) / std::max(offers[order[k]].slope, 1e-12);
    };
    if (count > 1 && share_of(count - 1) < static_cast<double>(least)) continue;
    std::int64_t left = rows;
    for (std::size_t k = count; k-- > 1;) {
      const auto share = std::min(left, std::int64_t{std::llround(share_of(k))});
      shares[order[k]] = share;
      left -= share;
    }
    shares[order[0]] = left;
    break;
  }
  return shares;
}

ReplicatedModel::ReplicatedModel(std::string name, std::uint64_t version, const std::string& path,
                                 std::span<const Place> places, backend::Precision precision)
    : Servable(std::move(name), version) {
  for (const Place& place : places) backend::check_device(place.device);
  const model::Model model = model::load_model(path);
  for (const Place& place : places) {
    auto replica = std::make_unique<LocalModel>(this->name(), version, path, model, place.device, precision,
                                                place.batcher);
    models_.push_back(replica.get());
    replicas_.push_back(std::move(replica));
  }
}

ReplicatedModel::ReplicatedModel(std::string name, std::uint64_t version,
                                 std::vector<std::unique_ptr<LocalServable>> replicas)
    : Servable(std::move(name), version), replicas_(std::move(replicas)) {}

void ReplicatedModel::warm_up(const WarmUp& options) {
  for (LocalModel* model : models_) model->warm_up(options);
}

std::size_t ReplicatedModel::first_free(std::int64_t rows, Priority priority) const {
  if (replicas_.size() == 1) return 0;
  const std::size_t start = turn_.fetch_add(1, std::memory_order_relaxed) % replicas_.size();
  std::size_t best = start;
  auto least = std::chrono::microseconds::max();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const std::size_t at = (start + i) % replicas_.size();
    const auto wait = replicas_[at]->predicted_wait(rows, priority);
    if (wait >= least) continue;
    least = wait;
    best = at;
  }
  return best;
}

bool ReplicatedModel::try_now(Request& request) {
  const std::size_t first = first_free(request.rows.rows, request.priority);
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (replicas_[(first + i) % replicas_.size()]->try_now(request)) return true;
  }
  return false;
}

// Empty: it isn't cut.
std::vector<std::int64_t> ReplicatedModel::shares_of(const Request& request) const {
  const std::int64_t rows = request.rows.rows;
  if (replicas_.size() == 1 || rows < 2 * least_rows || request.priority == Priority::shadow) return {};
  const double alone = seconds(std::min_element(replicas_.begin(), replicas_.end(),
                                                [&](const auto& a, const auto& b) {
                                                  return a->curve().line(rows) < b->curve().line(rows);
                                                })
                                   ->get()
                                   ->predicted_wait(rows, request.priority));
  if (alone < 2 * least_gain_s) return {};
  std::vector<Offer> offers;
  offers.reserve(replicas_.size());
  for (const auto& replica : replicas_) {
    const CostCurve& curve = replica->curve();
    if (!curve.known()) return {};
    offers.push_back({seconds(replica->predicted_wait(0, request.priority)), curve.base(), curve.slope()});
  }
  std::vector<std::int64_t> shares = share_out(rows, offers, least_rows);
  if (std::count_if(shares.begin(), shares.end(), [](auto share) { return share > 0; }) < 2) return {};
  double together = 0, best = 1e300;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto time = [&](std::int64_t n) {
      return offers[i].wait + offers[i].base + offers[i].slope * static_cast<double>(n);
    };
    best = std::min(best, time(rows));
    if (shares[i] > 0) together = std::max(together, time(shares[i]));
  }
  if (best - together < least_gain_s) return {};
  return shares;
}

bool ReplicatedModel::submit(std::shared_ptr<Request> request) {
  const std::vector<std::int64_t> shares = shares_of(*request);
  if (!shares.empty()) return submit_pieces(request, shares);
  const std::size_t first = first_free(request->rows.rows, request->priority);
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (replicas_[(first + i) % replicas_.size()]->submit(request)) return true;
  }
  return false;
}

bool ReplicatedModel::submit_pieces(const std::shared_ptr<Request>& request,
                                    std::span<const std::int64_t> shares) {
  const std::int64_t width = kind().width();
  const std::size_t bytes = static_cast<std::size_t>(request->rows.rows * width) * sizeof(float);
  if (request->out == nullptr && (request->values.data() == nullptr || request->values.size() < bytes))
    request->values = Buffer(bytes);
  float* out = request->out != nullptr ? request->out : request->values.as<float>();
  const auto count = std::count_if(shares.begin(), shares.end(), [](auto share) { return share > 0; });
  const auto completion = std::make_shared<PieceCompletion>(request, static_cast<std::size_t>(count));
  std::size_t number = 0;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == 0) continue;
    const auto piece = completion->piece(completion, number, request->binding, first, shares[i]);
    piece->out = out + first * width;
    first += shares[i];
    bool taken = false;
    for (std::size_t k = 0; k < replicas_.size() && !taken; ++k)
      taken = replicas_[(i + k) % replicas_.size()]->submit(piece);
    if (!taken && number == 0) return false;
    if (!taken) completion->fail(piece, make_error(ErrorKind::unavailable, "too much waits for this model"));
    ++number;
  }
  return true;
}

std::chrono::microseconds ReplicatedModel::predicted_wait(std::int64_t rows, Priority priority) const {
  auto least = std::chrono::microseconds::max();
  for (const auto& replica : replicas_) least = std::min(least, replica->predicted_wait(rows, priority));
  return least;
}

bool ReplicatedModel::is_crowded() const {
  return std::all_of(replicas_.begin(), replicas_.end(),
                     [](const auto& replica) { return replica->is_crowded(); });
}

// Those of a file have its weights together.
std::uint64_t ReplicatedModel::bytes() const {
  std::uint64_t sum = replicas_.front()->bytes();
  for (std::size_t i = 1; i < replicas_.size(); ++i)
    sum += i < models_.size() ? models_[i]->step_bytes() : replicas_[i]->bytes();
  return sum;
}

LoadReport ReplicatedModel::report() const {
  LoadReport all;
  for (const auto& replica : replicas_) {
    LoadReport one = replica->report();
    all.slo = one.slo;
    all.weight_bytes = std::max(all.weight_bytes, one.weight_bytes);
    all.step_bytes += one.step_bytes;
    all.finite = all.finite && one.finite;
    all.unknown = std::move(one.unknown);  // the devices' copies count together
    for (DeviceLoad& load : one.devices) all.devices.push_back(std::move(load));
  }
  return all;
}

}  // namespace nn::serving
