// The matrix products that a network's work consists of, and nothing else of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/plan.hpp"

namespace bench {

// A matrix in one of Products::buffers, dense and row-major, or its transpose.
struct Matrix {
  int buffer = 0;
  bool transposed = false;
  std::int64_t step = 0;  // elements from one repetition to the next
};

// c [m, n] = a [m, k] b [k, n], or += it.
struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  Matrix a, b, c;
  bool adds = false;
  std::int64_t times = 1;  // repetitions
};

struct Products {
  std::vector<std::int64_t> buffers;  // their sizes in elements: shared as in a real step
  std::vector<Product> list;          // in the order of a step
  double flops() const;
};

// Forward pass, and for training the gradients of kernels and of inputs (of all but the first
// layer). A convolution is a product of each image's patches, as if they were gathered already.
Products products_of(const nn::Plan& plan, std::int64_t rows, bool training);

// Runs products with another library, in the calling thread.
class GemmLimit {
 public:
  virtual ~GemmLimit() = default;
  virtual void run() = 0;
};
std::string gemm_library();  // "oneDNN 2.6.3"; empty where this was built without
std::unique_ptr<GemmLimit> open_gemm_limit(const Products& products);  // null where built without

}  // namespace bench
