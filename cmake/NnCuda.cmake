# The CUDA compiler, where there is one: NN_HAS_CUDA says whether the plugin is built.
option(NN_CUDA "Build the CUDA backend, nn-cuda.so, where nvcc is found" ON)
set(NN_HAS_CUDA OFF)
# Sanitizers and fuzzers see the backend's code in the tests that run it on the host.
if(NOT NN_CUDA OR NN_SANITIZE OR NN_FUZZ)
  return()
endif()

find_program(NN_NVCC nvcc HINTS /usr/local/cuda/bin)
if(NOT NN_NVCC)
  message(STATUS "There is no nvcc: nn-cuda.so is not built")
  return()
endif()
if(NOT CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${NN_NVCC})
endif()
# One architecture is enough to develop with; the preset `cuda` has those of a release.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 90-real)
endif()
enable_language(CUDA)
find_package(CUDAToolkit 12 REQUIRED)
# CMake 3.25 knows no flag for C++20 of nvcc.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
set(NN_HAS_CUDA ON)
