// Errors of CUDA and cuBLAS, sorted by what whoever reads them should do.
#include "backend/cuda/runtime.hpp"
#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::backend;
using Catch::Matchers::Contains;

namespace {

template <typename Code>
Error error_of(Code code) {
  try {
    cuda::check(code, "computing");
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::usage, "no error"};
}

}  // namespace

TEST_CASE("Errors of CUDA by kind") {
  const std::pair<cudaError_t, ErrorKind> table[] = {
      {cudaErrorMemoryAllocation, ErrorKind::unavailable},
      {cudaErrorDevicesUnavailable, ErrorKind::unavailable},
      {cudaErrorECCUncorrectable, ErrorKind::device},
      {cudaErrorMpsClientTerminated, ErrorKind::device},
      {cudaErrorUnknown, ErrorKind::device},
      {cudaErrorIllegalAddress, ErrorKind::device},
      {cudaErrorInvalidValue, ErrorKind::internal},
      {cudaErrorInsufficientDriver, ErrorKind::unsupported},
      {cudaErrorNoKernelImageForDevice, ErrorKind::unsupported},
  };
  for (const auto& [code, kind] : table) {
    INFO(static_cast<int>(code));
    CHECK(error_of(code).kind() == kind);
    CHECK_THAT(error_of(code).what(), Contains("CUDA, computing: "));
  }
  CHECK_THAT(error_of(cudaErrorMemoryAllocation).what(), Contains("(16384 of 16384 MiB are free)"));
  CHECK_THAT(error_of(cudaErrorMemoryAllocation).what(), Contains("a smaller --batch"));
  CHECK_THAT(error_of(cudaErrorInsufficientDriver).what(), Contains("update NVIDIA's driver"));
  CHECK_THAT(error_of(cudaErrorNoKernelImageForDevice).what(), Contains("no code for this GPU"));
  CHECK_THAT(error_of(cudaErrorNoKernelImageForDevice).what(), Contains("-DCMAKE_CUDA_ARCHITECTURES=native"));
}

TEST_CASE("Errors of cuBLAS by kind") {
  for (const auto status : {CUBLAS_STATUS_ALLOC_FAILED, CUBLAS_STATUS_NOT_INITIALIZED}) {
    CHECK(error_of(status).kind() == ErrorKind::unavailable);
    CHECK_THAT(error_of(status).what(), Contains("fewer --members"));
  }
  CHECK(error_of(CUBLAS_STATUS_EXECUTION_FAILED).kind() == ErrorKind::device);
  CHECK(error_of(CUBLAS_STATUS_INVALID_VALUE).kind() == ErrorKind::internal);
  CHECK(error_of(CUBLAS_STATUS_ARCH_MISMATCH).kind() == ErrorKind::unsupported);
}
