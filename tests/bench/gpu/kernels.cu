#include "backend/cuda/kernels/activations.cuh"
#include "backend/cuda/kernels/columns.cuh"
#include "backend/cuda/kernels/images.cuh"
#include "backend/cuda/kernels/losses.cuh"
#include "backend/cuda/kernels/updates.cuh"
#include "kernels.hpp"

namespace nn::bench {
namespace {

using namespace backend::cuda;

constexpr double word = sizeof(float);

// Memory for a kernel's values. What isn't given is 0, as memory of an arena is.
struct ProgramContext {
  const Queue& queue;
  Arena& arena;
  Index rows, columns;
  Each<float> values;

  Index size() const { return rows * columns; }
  double bytes() const { return word * static_cast<double>(size()); }
  template <typename T = float>
  Each<T> take(Index count) const {
    return arena.take_each<T>(queue.members, count);
  }
  Each<float> given_or_taken() const {
    if (values.data != nullptr) return values;
    return take(size());
  }
  // Of one network.
  Each<const StepState> state() const {
    StepState state;
    state.rows = rows;
    state.scale = 1 / static_cast<double>(rows);
    state.rate = 1e-3;
    const Each<StepState> there = take<StepState>(1);
    upload(queue.stream, &state, 1, there.data);
    return there;
  }
};

Queued bias_and_relu(const ProgramContext& s) {
  const Each<float> y = s.given_or_taken(), bias = s.take(s.columns);
  return {[=] {
            launch(s.queue, over_elements(s.rows, s.columns), activate_rows<float>, Activation::relu, 0.0f,
                   s.rows, s.columns, y, s.columns, bias, nullptr, y, s.columns);
          },
          2 * s.bytes()};
}

Queued bias_gradient(const ProgramContext& s) {
  const Each<float> g = s.given_or_taken(), sums = s.take(s.columns);
  const Each<double> partial = s.take<double>(partial_count(s.rows, s.columns, 1));
  return {[=] {
            launch(s.queue, over_chunks(s.rows, s.columns), sum_rows<float>, s.rows, s.columns, g, s.columns,
                   partial);
            launch(s.queue, over_columns(s.columns), finish_sums<float>, chunks_of(s.rows), s.columns,
                   partial, sums);
          },
          s.bytes()};
}

Queued adam(const ProgramContext& s) {
  Update<float> u;
  u.count = s.size() / 16 * 16;
  u.decays = s.take<std::uint8_t>(u.count / 16).data;
  u.state = s.state();
  u.gradient = s.take(u.count);
  u.first = s.take(u.count);
  u.second = s.take(u.count);
  u.weights = s.take(u.count);
  return {[=] { launch(s.queue, over_vector(u.count), update_adam<float>, u, 0.9f, 0.999f, 1e-7f); },
          7 * s.bytes()};
}

Queued loss(const ProgramContext& s) {
  LossRows<float> r{};
  r.rows = s.rows;
  r.width = r.z_row = s.columns;
  r.z = s.take(s.size());
  r.labels = s.take<std::int32_t>(s.rows);
  r.weights = s.take(s.rows);
  r.gradient = s.take(s.size());
  r.losses = s.take<double>(s.rows);
  const Each<const StepState> state = s.state();
  return {[=] { launch(s.queue, over_rows(s.rows), softmax_loss<float>, r, state); },
          2 * s.bytes() + 4 * word * static_cast<double>(s.rows)};
}

const Windows windows{32, 32, 32, 32, 3, 3, 1, 1, 1, 1};
constexpr double patch_bytes = 10 * word;  // of a value: it is in nine patches

PatchShape shape_of(const ProgramContext& s) {
  return {1, static_cast<int>(s.columns), static_cast<int>(9 * s.columns)};
}

Queued gather(const ProgramContext& s) {
  const Index pixels = s.rows * 32 * 32;
  const Each<float> x = s.take(pixels * s.columns), patches = s.take(pixels * 9 * s.columns);
  return {[=] {
            launch(s.queue, over_elements(pixels, 9 * s.columns), gather_patches<float>, windows, shape_of(s),
                   0, pixels, x, s.columns, patches);
          },
          patch_bytes * static_cast<double>(pixels * s.columns)};
}

Queued scatter(const ProgramContext& s) {
  const Index pixels = s.rows * 32 * 32;
  const Each<float> gx = s.take(pixels * s.columns), patches = s.take(pixels * 9 * s.columns);
  return {[=] {
            launch(s.queue, over_elements(pixels, s.columns), scatter_patches<float>, windows, shape_of(s), 0,
                   pixels, 0, pixels, patches, gx, s.columns, false);
          },
          patch_bytes * static_cast<double>(pixels * s.columns)};
}

}  // namespace

Queued kernel(std::string_view name, const Queue& queue, Arena& arena, Index rows, Index columns,
              Each<float> values) {
  const ProgramContext s{queue, arena, rows, columns, values};
  if (name == "bias and relu") return bias_and_relu(s);
  if (name == "gradient of bias") return bias_gradient(s);
  if (name == "adam") return adam(s);
  if (name == "softmax loss") return loss(s);
  if (name == "gather patches") return gather(s);
  if (name == "scatter patches") return scatter(s);
  return {};
}

}  // namespace nn::bench
