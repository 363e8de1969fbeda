// A plugin of another build, which tools must not use.
extern "C" __attribute__((visibility("default"))) const char* nn_cuda_abi() { return "0123456789abcdef"; }
