// How long it takes until a model can compute, and for its first row: bench-load MODEL, one
// JSON object.
#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "backend/backend.hpp"
#include "base/error.hpp"
#include "model/model.hpp"

namespace {

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) nn::fail_usage("usage: bench-load MODEL");
    const auto start = std::chrono::steady_clock::now();
    const auto backend =
        nn::backend::open_backend(nn::backend::Device{.cores = {nn::backend::usable_cores().front()}});
    nn::backend::pin_thread(backend->device());
    const nn::model::Model model = nn::model::load_model(argv[1]);
    const nn::Plan plan = nn::lower(model.network, model.loss);
    const auto program = backend->compile(plan, {}, model.parameters.get());
    const double ready_s = since(start);
    const std::vector<float> x(static_cast<std::size_t>(plan.inputs), 1);
    std::vector<float> y(static_cast<std::size_t>(plan.answers()));
    program->forward(1, x.data(), y.data());
    fmt::print(R"({{"ready_s": {}, "first_row_s": {}, "weights_bytes": {}}})"
               "\n",
               ready_s, since(start) - ready_s, plan.parameter_count * 4);
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-load: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
