// What cuda-table asks of one network of the backends' table, on a device and on the CPU.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.hpp"
#include "layers/data.hpp"
#include "layers/table.hpp"

namespace nn::test {

// Of one network: how far it is off, the largest difference as a part of the largest value. Up to
// after_steps from the CPU; of the others a correct backend has none at all, but for members where
// its products depend on how many there are.
struct Differences {
  double values = 0;           // before any step
  double tf32 = 0, bf16 = 0;   // the same with products of this precision
  double gradients = 0;        // of each parameter as a part of its own largest
  double after_steps = 0;      // losses, values and weights
  double members = 0;          // three in one program, from each alone
  double continued = 0;        // a run from another's weights and state, from one without a break
  std::optional<double> kept;  // rows chosen of a data set that is kept, from rows sent; none: not kept
  double repeated = 0;         // the same run again, and rows alone from rows in a batch
};

Differences differences_of(backend::Backend& cpu, backend::Backend& cuda, const Case& c);

// A word for what the network is made of, by which results are put together.
std::string_view kind_of(const Case& c);

}  // namespace nn::test
