# What a CUDA program is made of: for the plugin, and for the tests that run it on the host.
set(NN_CUDA_COMMON blas.cpp errors.cpp runtime.cpp)
list(TRANSFORM NN_CUDA_COMMON PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
# The folder is the list of operations' files.
file(GLOB NN_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/ops/*.cu)
foreach(source ends.cu optimizer.cu cuda_program.cpp staging.cpp)
  list(APPEND NN_CUDA_SOURCES ${CMAKE_CURRENT_LIST_DIR}/${source})
endforeach()
