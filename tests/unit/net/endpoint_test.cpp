#include "net/endpoint.hpp"

#include <cstdio>
#include <fstream>

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::net;

TEST_CASE("endpoints are read and written") {
  const char* same[] = {"tcp://127.0.0.1:7000",
                        "tcp://[::1]:7000",
                        "tcp://h2.example:0",
                        "tcp://*:7000",
                        "tls://h2.example:7000",
                        "tls://[::1]:7000",
                        "unix:/run/nn/w0.sock",
                        "unix:@name",
                        "unix:w.sock",
                        "ssh://h2",
                        "ssh://me@h2:22",
                        "ssh://h2/nn-worker --stdio -m a.nn",
                        "exec:nn-worker --stdio",
                        "http://127.0.0.1:8501",
                        "https://[::1]:8443",
                        "http://*:0"};
  for (const char* text : same) {
    INFO(text);
    CHECK(to_string(parse_endpoint(text)) == text);
    CHECK(parse_endpoint(text) == parse_endpoint(to_string(parse_endpoint(text))));
  }
}

TEST_CASE("addresses of the web may end with a slash, and have no host where a server listens") {
  CHECK(to_string(parse_endpoint("http://localhost:8501/")) == "http://localhost:8501");
  CHECK(to_string(parse_endpoint("https://:8443")) == "https://*:8443");
}

TEST_CASE("what is no endpoint is refused") {
  const std::string long_path(200, 'x');
  for (const std::string& text : {std::string(""),
                                  std::string("h2"),
                                  std::string("tcp://"),
                                  std::string("tcp://h2"),
                                  std::string("tcp://:70"),
                                  std::string("tcp://h2:x"),
                                  std::string("tcp://h2:70000"),
                                  std::string("tcp://h2:-1"),
                                  std::string("tcp://::1:70"),
                                  std::string("unix:"),
                                  "unix:/" + long_path,
                                  std::string("ssh://"),
                                  std::string("ssh://-oProxyCommand=x"),
                                  std::string("exec: "),
                                  std::string("http://h2"),
                                  std::string("http://"),
                                  std::string("https://h2/"),
                                  std::string("http://h2:80/v1"),
                                  std::string("https://::1:80"),
                                  std::string("ssh://two words"),
                                  std::string("ssh://me@h2;reboot"),
                                  std::string("tcp://h 2:70"),
                                  std::string("ssh://h2\t"),
                                  std::string("http://{h2}:80")}) {
    INFO(text);
    CHECK_THROWS_AS(parse_endpoint(text), Error);
  }
}

TEST_CASE("an inference server's endpoints are none of workers'") {
  for (const char* text : {"http://h2:80", "https://h2:443", "unix:/s"})
    CHECK(parse_http_endpoint(text) == parse_endpoint(text));
  for (const char* text : {"tcp://h2:70", "tls://h2:70", "ssh://h2", "exec:x", "h2:80", "", "http://h2"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_http_endpoint(text), Error);
  }
}

TEST_CASE("a file of hosts") {
  const std::string path = "hosts-of-endpoint-test";
  std::ofstream(path) << "# all of them\n\nh1\n  me@h2\ntcp://h3:7000\n";
  const std::vector<Endpoint> endpoints = read_hosts(path);
  REQUIRE(endpoints.size() == 3);
  CHECK(to_string(endpoints[0]) == "ssh://h1");
  CHECK(to_string(endpoints[1]) == "ssh://me@h2");
  CHECK(to_string(endpoints[2]) == "tcp://h3:7000");
  std::ofstream(path) << "h1\ntcp://h3\n";
  CHECK_THROWS_WITH(read_hosts(path), Catch::Contains(path + ":2: "));
  std::ofstream(path) << "h1\nthis is no host\n";
  CHECK_THROWS_WITH(read_hosts(path),
                    Catch::Contains(path + ":2: 'this is no host' is no endpoint: no host's "
                                           "name has ' ' in it"));
  std::ofstream(path) << "# none\n";
  CHECK_THROWS_WITH(read_hosts(path), Catch::Contains("no endpoint"));
  std::remove(path.c_str());
}
