#include "products.hpp"

#include <map>
#include <utility>

#include "base/error.hpp"

namespace bench {
namespace {

enum class Role { value, value_gradient, parameter, parameter_gradient, patches };

class Collector {
 public:
  Collector(const nn::Plan& plan, std::int64_t rows) : plan_(plan), rows_(rows) {}

  Products run(bool training) {
    std::vector<const nn::Op*> ops;
    for (const nn::Op& op : plan_.ops) {
      if (op.kind == nn::OpKind::dense || op.kind == nn::OpKind::conv2d) ops.push_back(&op);
    }
    for (const nn::Op* op : ops) forward(*op);
    if (training) {
      for (auto op = ops.rbegin(); op != ops.rend(); ++op) backward(**op, (*op)->input != 0);
    }
    return std::move(products_);
  }

 private:
  // One product a row of the batch for convolutions, one altogether for dense layers.
  struct Sizes {
    std::int64_t m, n, k, times, in_step, out_step;
    bool patches;
  };
  Sizes sizes(const nn::Op& op) const {
    if (op.kind == nn::OpKind::dense) return {rows_, op.out.size(), op.in.size(), 1, 0, 0, false};
    if (op.options.groups != 1)
      nn::fail(nn::ErrorKind::internal, "products of convolutions in groups aren't listed");
    const std::int64_t k = op.window.kernel.height * op.window.kernel.width * op.in.channels;
    return {op.out.pixels(), op.out.channels, k, rows_, 0, op.out.size(), true};
  }

  int buffer(Role role, int index, std::int64_t size) {
    const auto [place, added] =
        buffers_.try_emplace({role, index}, static_cast<int>(products_.buffers.size()));
    if (added) products_.buffers.push_back(size);
    return place->second;
  }
  int input(const nn::Op& op, const Sizes& s, Role role) {
    return s.patches ? buffer(Role::patches, op.layer, s.m * s.k)
                     : buffer(role, op.input, rows_ * op.in.size());
  }
  int output(const nn::Op& op, Role role) { return buffer(role, op.output, rows_ * op.out.size()); }
  int kernel(const nn::Op& op, const Sizes& s, Role role) {
    return buffer(role, op.parameters[0], s.k * s.n);
  }

  void forward(const nn::Op& op) {
    const Sizes s = sizes(op);
    products_.list.push_back({s.m,
                              s.n,
                              s.k,
                              {input(op, s, Role::value), false, 0},
                              {kernel(op, s, Role::parameter), false, 0},
                              {output(op, Role::value), false, s.out_step},
                              false,
                              s.times});
  }

  void backward(const nn::Op& op, bool wants_input_gradient) {
    const Sizes s = sizes(op);
    const Matrix g{output(op, Role::value_gradient), false, s.out_step};
    products_.list.push_back({s.k,
                              s.n,
                              s.m,
                              {input(op, s, Role::value), true, 0},
                              g,
                              {kernel(op, s, Role::parameter_gradient), false, 0},
                              s.times > 1,
                              s.times});
    if (!wants_input_gradient) return;
    products_.list.push_back({s.m,
                              s.k,
                              s.n,
                              g,
                              {kernel(op, s, Role::parameter), true, 0},
                              {input(op, s, Role::value_gradient), false, 0},
                              false,
                              s.times});
  }

  const nn::Plan& plan_;
  std::int64_t rows_;
  Products products_;
  std::map<std::pair<Role, int>, int> buffers_;
};

}  // namespace

double Products::flops() const {
  double sum = 0;
  for (const Product& p : list) sum += 2.0 * static_cast<double>(p.m * p.n * p.k * p.times);
  return sum;
}

Products products_of(const nn::Plan& plan, std::int64_t rows, bool training) {
  return Collector(plan, rows).run(training);
}

}  // namespace bench
