#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "format/array_source.hpp"
#include "format/numpy/npy_header.hpp"
#include "format/readers.hpp"

namespace nn::format {

std::unique_ptr<BatchSource> read_npy(std::unique_ptr<ByteInput> input, const std::string& name) {
  ArrayInput bytes(std::move(input));
  ArrayLayout layout = read_npy_header(bytes);
  std::vector<NamedArray> arrays;
  arrays.push_back({name, ArrayReader(std::move(bytes), std::move(layout))});
  return rows_of_arrays(std::move(arrays));
}

}  // namespace nn::format
