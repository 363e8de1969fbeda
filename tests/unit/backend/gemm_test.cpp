// Matrix products of every layout and size class, bit by bit.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/cpu/isa.hpp"
#include "base/random.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::backend;

namespace {

enum class Start { zero, row, c };

struct Product {
  std::int64_t m, n, k;
  bool a_by_column = false, b_by_column = false, c_padded = true;
  Start start = Start::zero;
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
std::int64_t padded(std::int64_t n) { return (n + 15) / 16 * 16; }

template <typename T>
std::vector<T> normals(std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed, RandomUse::shuffle);
  std::vector<T> values(at(count));
  for (T& v : values) v = static_cast<T>(random.normal());
  return values;
}

// Memory of a product, each matrix exactly as large as Gemm says that it is read. What no
// result may depend on is not a number.
template <typename T>
struct Operands {
  Product product;
  std::vector<T> a, b, start, c, panel;
  cpu::Gemm<T> g;

  explicit Operands(const Product& p) : product(p) {
    constexpr T no_number = std::numeric_limits<T>::quiet_NaN();
    const std::int64_t c_row = p.c_padded ? padded(p.n) : p.n;
    a = normals<T>(p.m * p.k, 1);
    b = normals<T>(p.k * p.n, 2);
    start = normals<T>(padded(p.n), 3);
    c = normals<T>(p.m * c_row, 4);
    panel.assign(at(cpu::panel_size), no_number);
    g.m = p.m;
    g.n = p.n;
    g.k = p.k;
    g.a_row = p.a_by_column ? 1 : p.k;
    g.a_col = p.a_by_column ? p.m : 1;
    g.b_row = p.b_by_column ? 1 : p.n;
    g.b_col = p.b_by_column ? p.k : 1;
    if (g.b_col == 1) b.resize(b.size() + 15, no_number);
    g.c_row = c_row;
    g.c_padded = p.c_padded;
    g.accumulate = p.start == Start::c;
  }

  void multiply(const cpu::Kernels<T>& kernels) {
    g.a = a.data();
    g.b = b.data();
    g.c = c.data();
    g.start = product.start == Start::row ? start.data() : nullptr;
    g.panel = panel.data();
    kernels.gemm(g);
  }
};

// What c must become: for each element one sum in ascending order.
template <typename T>
std::vector<T> expected(const Operands<T>& o, bool fused) {
  const Product& p = o.product;
  std::vector<T> y;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      T sum = p.start == Start::row ? o.start[at(j)]
              : p.start == Start::c ? o.c[at(i * o.g.c_row + j)]
                                    : T{0};
      for (std::int64_t q = 0; q < p.k; ++q) {
        const T a = o.a[at(i * o.g.a_row + q * o.g.a_col)], b = o.b[at(q * o.g.b_row + j * o.g.b_col)];
        sum = fused ? std::fma(a, b, sum) : sum + a * b;
      }
      y.push_back(sum);
    }
  }
  return y;
}

template <typename T>
std::vector<T> rows_of(const Operands<T>& o) {
  std::vector<T> y;
  for (std::int64_t i = 0; i < o.product.m; ++i) {
    const auto row = o.c.begin() + i * o.g.c_row;
    y.insert(y.end(), row, row + o.product.n);
  }
  return y;
}

bool fuses(cpu::Isa isa) {
#if defined(__x86_64__)
  return isa != cpu::Isa::baseline;
#else
  return static_cast<void>(isa), true;
#endif
}

std::vector<Product> products() {
  std::vector<Product> all;
  constexpr std::int64_t sizes[][3] = {
      {1, 1, 1},    {1, 10, 32},   {1, 64, 33},   {1, 100, 257}, {2, 5, 0},     {2, 40, 7},
      {3, 70, 20},  {5, 17, 3},    {6, 16, 64},   {7, 33, 300},  {12, 32, 256}, {13, 31, 129},
      {32, 10, 70}, {25, 130, 90}, {50, 64, 64},  {64, 47, 513}, {100, 1, 400}, {130, 200, 150},
      {193, 65, 1}, {200, 300, 7}, {17, 600, 40}, {31, 15, 780}, {260, 90, 270}};
  int i = 0;
  for (const auto& s : sizes) {
    for (const bool a_by_column : {false, true}) {
      for (const bool b_by_column : {false, true}) {
        for (const bool c_padded : {false, true}) {
          all.push_back({s[0], s[1], s[2], a_by_column, b_by_column, c_padded, Start{i++ % 3}});
        }
      }
    }
  }
  return all;
}

template <typename T>
void check(const Product& p) {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    INFO(cpu::name_of(isa) << ": " << p.m << " x " << p.n << " x " << p.k << ", a by column " << p.a_by_column
                           << ", b by column " << p.b_by_column << ", padded " << p.c_padded << ", start "
                           << static_cast<int>(p.start));
    Operands<T> o(p);
    const std::vector<T> y = expected(o, fuses(isa));
    o.multiply(cpu::kernels_of<T>(isa));
    CHECK((rows_of(o) == y));
  }
}

}  // namespace

TEST_CASE("every element of a product is one sum in ascending order") {
  for (const Product& p : products()) {
    check<float>(p);
    check<double>(p);
  }
}

TEST_CASE("a product can be added to what is there") {
  for (const std::int64_t m : {1, 4, 40}) {
    for (const std::int64_t k : {5, 700}) {
      for (const bool c_padded : {false, true}) {
        check<float>({m, 65, k, false, false, c_padded, Start::c});
        check<float>({m, 65, k, true, true, c_padded, Start::c});
      }
    }
  }
}

TEST_CASE("large products are the same sums, whatever is packed") {
  check<float>({400, 270, 335, false, false, true, Start::row});
  check<float>({200, 530, 660, true, true, false, Start::zero});
  check<float>({20, 260, 6600, true, false, true, Start::c});
  check<double>({195, 256, 680, true, false, false, Start::row});
}

TEST_CASE("a row of a product doesn't depend on how many there are") {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const bool b_by_column : {false, true}) {
      Operands<float> whole({600, 300, 310, false, b_by_column});
      whole.multiply(cpu::kernels_of<float>(isa));
      const std::vector<float> expected = rows_of(whole);
      for (const std::int64_t m : {1, 2, 3, 5, 15, 16, 40, 193}) {
        Operands<float> some({m, 300, 310, false, b_by_column});
        some.a = whole.a;
        some.multiply(cpu::kernels_of<float>(isa));
        const std::vector<float> rows = rows_of(some);
        INFO(cpu::name_of(isa) << ", b by column " << b_by_column << ", " << m << " rows");
        CHECK(std::equal(rows.begin(), rows.end(), expected.begin()));
      }
    }
  }
}
