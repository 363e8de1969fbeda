// Endpoints, as an option and as a file of hosts.
#include "net/endpoint.hpp"

#include "fuzz.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::as_input(data, size);
  fuzz::accepts([&] {
    const net::Endpoint endpoint = net::parse_endpoint(fuzz::as_text(input));
    if (net::parse_endpoint(net::to_string(endpoint)) != endpoint) {
      fuzz::broken_promise("not what it was", net::to_string(endpoint));
    }
  });
  const fuzz::MemoryFile file(input);
  fuzz::accepts([&] { (void)net::read_hosts(file.path()); });
  return 0;
}
