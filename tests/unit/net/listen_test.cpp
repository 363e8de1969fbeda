#include "net/listen.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::net;

TEST_CASE("tcp beyond loopback is refused where it must be local") {
  CHECK_THROWS_WITH(listen_on(parse_endpoint("tcp://0.0.0.0:0"), true),
                    Catch::Contains("anybody on the network"));
  CHECK_THROWS_WITH(listen_on(parse_endpoint("tcp://*:0"), true), Catch::Contains("anybody on the network"));
  const Listening listening = listen_on(parse_endpoint("tcp://127.0.0.1:0"), true);
  CHECK(listening.endpoint.port > 0);
  CHECK_THROWS_AS(listen_on(listening.endpoint, true), Error);  // taken
}

TEST_CASE("a unix socket that a killed process left is replaced, a living one is not") {
  const std::string path = "listen-test.sock";
  ::unlink(path.c_str());
  {
    const Listening first = listen_on(parse_endpoint("unix:" + path), true);
    CHECK(first.unlinks == path);
    CHECK_THROWS_WITH(listen_on(parse_endpoint("unix:" + path), true),
                      Catch::Contains("another process listens"));
  }
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);  // left behind
  const Listening second = listen_on(parse_endpoint("unix:" + path), true);
  CHECK(second.fd.get() >= 0);
  ::unlink(path.c_str());
  std::ofstream(path) << "a file";
  CHECK_THROWS_WITH(listen_on(parse_endpoint("unix:" + path), true), Catch::Contains("not a socket"));
  ::unlink(path.c_str());
}

TEST_CASE("sockets of another process's environment are not taken") {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  CHECK(inherited_listeners(true).empty());
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
}
