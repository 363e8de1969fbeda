#include "net/listen.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::net;

namespace {

// Leaves a socket that nobody listens on.
void listen_and_die(const std::string& path) {
  const std::string aside = path + ".aside";
  {
    const Listening listening = listen_on(parse_endpoint("unix:" + path), true);
    REQUIRE(::rename(path.c_str(), aside.c_str()) == 0);
  }
  REQUIRE(::rename(aside.c_str(), path.c_str()) == 0);
}

}  // namespace

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
    CHECK(first.socket);
    CHECK_THROWS_WITH(listen_on(parse_endpoint("unix:" + path), true),
                      Catch::Contains("another process listens"));
  }
  CHECK_FALSE(stamp_of(path));
  listen_and_die(path);
  REQUIRE(stamp_of(path));  // left behind
  const Listening second = listen_on(parse_endpoint("unix:" + path), true);
  CHECK(second.fd.get() >= 0);
  ::unlink(path.c_str());
  std::ofstream(path) << "a file";
  CHECK_THROWS_WITH(listen_on(parse_endpoint("unix:" + path), true), Catch::Contains("not a socket"));
  ::unlink(path.c_str());
}

TEST_CASE("a unix socket is removed by its maker only") {
  const std::string path = "listen-test.sock", aside = "listen-test-aside.sock";
  std::optional<Listening> second;
  {
    const Listening first = listen_on(parse_endpoint("unix:" + path), true);
    REQUIRE(::rename(path.c_str(), aside.c_str()) == 0);
    second.emplace(listen_on(parse_endpoint("unix:" + path), true));
  }
  CHECK(stamp_of(path));
  second.reset();
  CHECK_FALSE(stamp_of(path));
  ::unlink(aside.c_str());
}

TEST_CASE("sockets of another process's environment are not taken") {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  CHECK(inherited_listeners(true).empty());
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
}
