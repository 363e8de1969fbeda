// The inference server: models of this process's devices, or of workers, for clients of HTTP and gRPC.
#pragma once
