# What a CUDA program is made of: for the plugin, and for the tests that run it on the host.
set(NN_CUDA_COMMON blas.cpp errors.cpp runtime.cpp)
list(TRANSFORM NN_CUDA_COMMON PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(NN_CUDA_SOURCES ends.cu optimizer.cu ops/conv2d.cu ops/dense.cu ops/elementwise.cu
    ops/embedding.cu ops/norm.cu ops/pool2d.cu)
list(TRANSFORM NN_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(APPEND NN_CUDA_SOURCES ${CMAKE_CURRENT_LIST_DIR}/cuda_program.cpp ${CMAKE_CURRENT_LIST_DIR}/staging.cpp)
