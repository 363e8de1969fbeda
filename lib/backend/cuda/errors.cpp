// Maps CUDA's and cuBLAS's errors to kinds of errors of these tools.
#include <fmt/format.h>

#include "backend/cuda/runtime.hpp"
#include "base/error.hpp"

namespace nn::backend::cuda {
namespace {

ErrorKind kind_of(cudaError_t error) {
  switch (error) {
    // Other processes have the device, or its memory.
    case cudaErrorMemoryAllocation:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
    case cudaErrorMpsServerNotReady:
    case cudaErrorMpsMaxClientsReached:
    case cudaErrorMpsMaxConnectionsReached: return ErrorKind::unavailable;
    // The device, or the way to it, is broken, or a kernel went astray.
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorContained:
    case cudaErrorMpsClientTerminated:
    case cudaErrorLaunchTimeout:
    case cudaErrorOperatingSystem:
    case cudaErrorUnknown:
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert: return ErrorKind::device;
    // A call is wrong.
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidMemcpyDirection:
    case cudaErrorInvalidResourceHandle:
    case cudaErrorIllegalState:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated: return ErrorKind::internal;
    default: return ErrorKind::unsupported;  // an old driver and the like
  }
}

// cuBLAS says that it isn't initialized, too, where there is no memory to do it.
bool wants_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_NOT_INITIALIZED;
}

ErrorKind kind_of(cublasStatus_t status) {
  if (wants_memory(status)) return ErrorKind::unavailable;
  switch (status) {
    case CUBLAS_STATUS_EXECUTION_FAILED:
    case CUBLAS_STATUS_MAPPING_ERROR: return ErrorKind::device;
    case CUBLAS_STATUS_INVALID_VALUE:
    case CUBLAS_STATUS_INTERNAL_ERROR: return ErrorKind::internal;
    default: return ErrorKind::unsupported;
  }
}

// Free memory tells whether this process has taken it all, or another one.
std::string describe_free_memory() {
  std::size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return {};
  return fmt::format(" ({} of {} MiB are free)", free >> 20, total >> 20);
}
constexpr const char* memory_advice = "; try a smaller --batch, fewer --members or another device";

const char* advice(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return memory_advice;
    case cudaErrorDevicesUnavailable: return "; another process may have it for itself";
    case cudaErrorInsufficientDriver:
      return "; update NVIDIA's driver, or build nn-cuda.so with an older CUDA";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
    case cudaErrorUnsupportedPtxVersion:
      return "; nn-cuda.so has no code for this GPU's compute capability (see nn-devices --long): build it "
             "after cmake -DCMAKE_CUDA_ARCHITECTURES=native build/release, or with the preset cuda";
    default: return "";
  }
}

}  // namespace

void check(cudaError_t error, std::string_view what) {
  if (error == cudaSuccess) return;
  throw make_error(kind_of(error), "CUDA, {}: {}{}", what, cudaGetErrorString(error),
                   error == cudaErrorMemoryAllocation ? describe_free_memory() : "")
      .advise("{}", advice(error));
}

void check(cublasStatus_t status, std::string_view what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const bool memory = wants_memory(status);
  throw make_error(kind_of(status), "cuBLAS, {}: {}{}", what, cublasGetStatusString(status),
                   memory ? describe_free_memory() : "")
      .advise("{}", memory ? memory_advice : "");
}

}  // namespace nn::backend::cuda
