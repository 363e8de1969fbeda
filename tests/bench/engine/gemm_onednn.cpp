// The limit by oneDNN's matmul primitives: created once, as a program would.
#include <fmt/format.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl_version.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "base/memory.hpp"
#include "products.hpp"

namespace bench {
namespace {

using dnnl::memory;

memory::desc describe(const Matrix& matrix, std::int64_t rows, std::int64_t columns) {
  return {{rows, columns},
          memory::data_type::f32,
          matrix.transposed ? memory::format_tag::ba : memory::format_tag::ab};
}

dnnl::matmul::primitive_desc matmul_of(const dnnl::engine& engine, const memory::desc& a,
                                       const memory::desc& b, const memory::desc& c, bool adds) {
  dnnl::primitive_attr attributes;
  if (adds) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c, attributes};
#else
  return {dnnl::matmul::desc(a, b, c), attributes, engine};
#endif
}

class OnednnLimit final : public GemmLimit {
 public:
  explicit OnednnLimit(const Products& products) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    omp_set_num_threads(1);
    for (const std::int64_t size : products.buffers) {
      nn::Buffer& buffer = buffers_.emplace_back(static_cast<std::size_t>(size) * sizeof(float));
      for (std::int64_t i = 0; i < size; ++i) buffer.as<float>()[i] = static_cast<float>(i % 7 - 3) * 0.01F;
    }
    for (const Product& p : products.list) add(p);
  }

  void run() override {
    for (const Call& call : calls_) {
      for (const auto& arguments : call.arguments) call.primitive.execute(stream_, arguments);
    }
    stream_.wait();
  }

 private:
  struct Call {
    dnnl::matmul primitive;
    std::vector<std::unordered_map<int, memory>> arguments;  // of each repetition
  };

  void add(const Product& p) {
    const memory::desc a = describe(p.a, p.m, p.k), b = describe(p.b, p.k, p.n), c = describe(p.c, p.m, p.n);
    Call& call = calls_.emplace_back(Call{dnnl::matmul(matmul_of(engine_, a, b, c, p.adds)), {}});
    for (std::int64_t i = 0; i < p.times; ++i) {
      const auto at = [&](const Matrix& matrix, const memory::desc& description) {
        return memory(description, engine_,
                      buffers_[static_cast<std::size_t>(matrix.buffer)].as<float>() + i * matrix.step);
      };
      call.arguments.push_back(
          {{DNNL_ARG_SRC, at(p.a, a)}, {DNNL_ARG_WEIGHTS, at(p.b, b)}, {DNNL_ARG_DST, at(p.c, c)}});
    }
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<nn::Buffer> buffers_;
  std::vector<Call> calls_;
};

}  // namespace

std::string gemm_library() {
  const dnnl_version_t& version = *dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version.major, version.minor, version.patch);
}

std::unique_ptr<GemmLimit> open_gemm_limit(const Products& products) {
  return std::make_unique<OnednnLimit>(products);
}

}  // namespace bench
