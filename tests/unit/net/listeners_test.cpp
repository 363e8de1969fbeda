#include "net/listeners.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <new>
#include <optional>

#include "../manual_clock.hpp"
#include "../messages.hpp"
#include "../model/models.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::net;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

namespace {

// Gives what it was told to give, each once, and then nothing until it is closed.
class FakeAcceptor : public AcceptingSocket {
 public:
  explicit FakeAcceptor(asio::io_context& io) : io_(io), changed_(io.get_executor()) {}

  using Step = std::function<Accepted()>;
  void give(Step step) {
    steps_.push_back(std::move(step));
    changed_.cancel();
  }
  void give_error(int error, int times = 1) {
    for (int i = 0; i < times; ++i) {
      give([this, error] {
        return Accepted{boost::system::error_code(error, boost::system::system_category()), net::Socket(io_)};
      });
    }
  }
  void give_client() {
    give([this] {
      auto [ours, theirs] = socket_pair();
      clients.push_back(std::move(ours));
      return Accepted{boost::system::error_code(), net::adopt_socket(io_, std::move(theirs))};
    });
  }

  asio::awaitable<Accepted> accept() override {
    ++calls;
    while (steps_.empty() && !closed_) co_await changed_.wait();
    if (closed_) co_return Accepted{asio::error::operation_aborted, net::Socket(io_)};
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    co_return step();
  }
  void close() override {
    closed_ = true;
    changed_.cancel();
  }

  int calls = 0;
  std::vector<UniqueFd> clients;

 private:
  asio::io_context& io_;
  net::Timer changed_;
  std::deque<Step> steps_;
  bool closed_ = false;
};

struct Fixture {
  test::ManualClock clock;
  asio::io_context io{1};
  ListenOptions options;
  test::Messages messages;
  std::vector<Listeners::Client> came;
  std::function<void()> on_client = [] {};
  Texts rejected;
  std::exception_ptr failure;
  std::optional<Listeners> listeners;
  FakeAcceptor* acceptor = nullptr;

  explicit Fixture(bool starts = true, std::string_view endpoint = "unix:/a", net::TlsFiles tls = {}) {
    options.tls = std::move(tls);
    options.http = net::is_http(net::parse_endpoint(endpoint));
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    Listeners::Events events;
    events.come = [this](Listeners::Client client) {
      on_client();
      came.push_back(std::move(client));
    };
    events.is_crowded = [] { return false; };
    events.rejected = [this](const std::string&, const Error& error) { rejected.emplace_back(error.what()); };
    events.failed = [this](std::exception_ptr error) { failure = std::move(error); };
    listeners.emplace(io, options, true, std::move(events));
    acceptor = add(endpoint);
    if (starts) listeners->start();
    run();
  }
  ~Fixture() {
    listeners->close();
    pass(10s);
    CHECK(io.stopped());  // nobody waits for anything
  }
  FakeAcceptor* add(std::string_view endpoint, bool admin = false) {
    auto owned = std::make_unique<FakeAcceptor>(io);
    FakeAcceptor* added = owned.get();
    listeners->add(std::move(owned), net::parse_endpoint(endpoint),
                   admin ? Entrance::administration : Entrance::everything);
    return added;
  }
  void run() {
    io.restart();
    io.poll();
  }
  void pass(Clock::duration time) {
    run();
    clock.advance(time);
    run();
  }
};

const std::string why = std::strerror(EMFILE);

// A certificate that both sides have, and trust. None where there is no openssl.
std::optional<net::TlsFiles> certificates(const test::Scratch& scratch) {
  const net::TlsFiles files{scratch / "crt", scratch / "key", scratch / "crt"};
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout {} -out {} -subj "
      "/CN=both "
      "-addext subjectAltName=DNS:localhost -days 2 2>/dev/null",
      files.key, files.cert);
  if (std::system(command.c_str()) != 0) return std::nullopt;
  return files;
}

}  // namespace

TEST_CASE("whoever comes in is handed over with who it is") {
  Fixture f;
  f.acceptor->give_client();
  f.acceptor->give_client();
  f.run();
  REQUIRE(f.came.size() == 2);
  CHECK(f.came[0].name == fmt::format("pid {} uid {}", ::getpid(), ::geteuid()));
  CHECK(f.came[0].local);
  CHECK_FALSE(f.came[0].admin);
  CHECK(f.messages.take().empty());
}

TEST_CASE("without descriptors accepting pauses, is told of once, and goes on when there are some") {
  Fixture f;
  f.acceptor->give_error(EMFILE, 3);
  f.acceptor->give_client();
  f.run();
  CHECK(f.acceptor->calls == 1);
  f.pass(99ms);
  CHECK(f.acceptor->calls == 1);
  CHECK(f.came.empty());
  CHECK(f.messages.take() ==
        Texts{"nn-tools: warning: unix:/a: " + why + "; new clients wait until that has passed"});
  f.pass(201ms);
  CHECK(f.came.size() == 1);
  CHECK(f.messages.take() == Texts{"nn-tools: warning: unix:/a: clients are accepted again"});
}

TEST_CASE("a lack of descriptors that lasts is told of once a minute, and one that comes again not sooner") {
  Fixture f;
  f.acceptor->give_error(EMFILE, 1250);  // two minutes and five seconds
  f.pass(119s);
  CHECK(f.messages.take() ==
        Texts{"nn-tools: warning: unix:/a: " + why + "; new clients wait until that has passed",
              "nn-tools: warning: unix:/a: " + why + "; new clients still wait"});
  f.acceptor->give_client();
  f.pass(7s);
  CHECK(f.messages.take() == Texts{"nn-tools: warning: unix:/a: " + why + "; new clients still wait",
                                   "nn-tools: warning: unix:/a: clients are accepted again"});
  f.acceptor->give_error(EMFILE);
  f.acceptor->give_client();
  f.pass(1s);
  CHECK(f.came.size() == 2);
  CHECK(f.messages.take().empty());
  f.pass(60s);
  f.acceptor->give_error(EMFILE);
  f.run();
  CHECK(f.messages.take() ==
        Texts{"nn-tools: warning: unix:/a: " + why + "; new clients wait until that has passed"});
}

TEST_CASE("memory that isn't there for a client costs nobody else anything") {
  const auto no_memory = []() -> AcceptingSocket::Accepted { throw std::bad_alloc(); };
  const struct {
    const char* what;
    std::function<void(Fixture&)> lack;
  } cases[] = {
      {"the system's", [](Fixture& f) { f.acceptor->give_error(ENOMEM); }},
      {"accepting", [&](Fixture& f) { f.acceptor->give(no_memory); }},
      {"a session",
       [](Fixture& f) {
         f.acceptor->give_client();
         f.on_client = [&f] {
           f.on_client = [] {};
           throw std::bad_alloc();
         };
       }},
  };
  for (const auto& c : cases) {
    INFO(c.what);
    Fixture f;
    c.lack(f);
    f.acceptor->give_client();
    f.run();
    CHECK(f.came.empty());
    CHECK(f.messages.take().size() == 1);
    f.pass(100ms);
    CHECK(f.came.size() == 1);
    CHECK(f.messages.take() == Texts{"nn-tools: warning: unix:/a: clients are accepted again"});
    CHECK(f.failure == nullptr);
  }
}

TEST_CASE("a connection that is gone before it is accepted holds up nobody and is nothing to warn of") {
  for (const int error : {ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH}) {
    INFO(std::strerror(error));
    Fixture f;
    f.acceptor->give_error(error, 3);
    f.acceptor->give_client();
    f.run();
    CHECK(f.came.size() == 1);
    CHECK(f.messages.take().empty());
  }
}

TEST_CASE("a socket that can't accept holds up no other") {
  Fixture f(false);
  FakeAcceptor* other = f.add("unix:/b", true);
  f.acceptor->give_error(EMFILE);
  other->give_client();
  f.listeners->start();
  f.run();
  REQUIRE(f.came.size() == 1);
  CHECK(f.came[0].admin);
  CHECK(f.listeners->endpoints().size() == 1);
}

TEST_CASE("nobody is accepted after the end, and a pause ends with it") {
  Fixture f;
  f.acceptor->give_error(EMFILE);
  f.acceptor->give_client();
  f.run();
  f.listeners->close();
  f.pass(1s);
  CHECK(f.came.empty());
  CHECK(f.acceptor->calls == 1);
}

TEST_CASE("a listener whose coroutine ends by an exception says so") {
  Fixture f;
  f.acceptor->give([]() -> AcceptingSocket::Accepted { throw 1; });  // nobody knows what that means
  f.run();
  CHECK(f.failure != nullptr);
}

TEST_CASE("whoever is in the handshake of TLS is counted until that has ended, however it ends") {
  const test::Scratch scratch;
  const auto files = certificates(scratch);
  if (!files) {
    WARN("skipped: no openssl");
    return;
  }
  Fixture f(true, "tls://localhost:1", *files);
  f.acceptor->give_client();
  f.run();
  CHECK(f.listeners->greeting() == 1);
  SECTION("by silence") {
    f.pass(9900ms);
    CHECK(f.listeners->greeting() == 1);
    f.pass(100ms);
    CHECK(f.rejected == Texts{"TLS: no answer within 10000 ms"});
  }
  SECTION("by hanging up") {
    f.acceptor->clients.clear();
    f.run();
    CHECK(f.rejected.size() == 1);
  }
  SECTION("well, and by a lack of memory for a session") {
    const bool lack = GENERATE(false, true);
    if (lack) f.on_client = [] { throw std::bad_alloc(); };
    net::Tls tls(*files, net::Tls::Side::client);
    asio::co_spawn(
        f.io,
        [&]() -> asio::awaitable<void> {
          co_await tls.secure(net::adopt_socket(f.io, std::move(f.acceptor->clients[0])), "localhost", 5s);
        },
        [](const std::exception_ptr& error) {
          if (error) std::rethrow_exception(error);
        });
    f.run();
    CHECK(f.came.size() == (lack ? 0 : 1));
    CHECK(f.rejected.size() == (lack ? 1 : 0));
    if (!lack) CHECK(f.came[0].name.ends_with(" both"));
    f.came.clear();
  }
  CHECK(f.listeners->greeting() == 0);
}

TEST_CASE("a client that takes nothing holds a connection of TLS for a while after that was closed here") {
  const test::Scratch scratch;
  const auto files = certificates(scratch);
  if (!files) {
    WARN("skipped: no openssl");
    return;
  }
  Fixture f(true, "tls://localhost:1", *files);
  f.acceptor->give_client();
  f.run();
  net::Tls tls(*files, net::Tls::Side::client);
  std::optional<net::Tls::Secured> client;
  asio::co_spawn(
      f.io,
      [&]() -> asio::awaitable<void> {
        net::Socket socket = net::adopt_socket(f.io, std::move(f.acceptor->clients[0]));
        client = co_await tls.secure(std::move(socket), "localhost", 5s);
      },
      asio::detached);
  f.run();
  REQUIRE(f.came.size() == 1);
  const std::string bytes(1 << 16, 'x');
  boost::system::error_code full;
  f.came[0].socket.non_blocking(true);
  for (int without = 0; without < 3; f.run()) {
    f.came[0].socket.write_some(asio::buffer(bytes), full);
    without = full ? without + 1 : 0;
  }
  f.came.clear();
  f.pass(29s);
  CHECK(f.listeners->open_tls() == 1);
  f.pass(2s);
  CHECK(f.listeners->open_tls() == 0);
  client.reset();
}

TEST_CASE("clients of the web need no certificate, may speak TLS 1.2, and learn which HTTP it will be") {
  const test::Scratch scratch;
  auto files = certificates(scratch);
  if (!files) {
    WARN("skipped: no openssl");
    return;
  }
  const bool wants_certificate = GENERATE(false, true);
  if (!wants_certificate) files->ca.clear();
  Fixture f(true, "https://localhost:1", *files);
  f.acceptor->give_client();
  f.run();
  asio::ssl::context context(asio::ssl::context::tls);
  ::SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_2_VERSION);
  const unsigned char offered[] = "\x08http/1.1\x02h2";
  ::SSL_CTX_set_alpn_protos(context.native_handle(), offered, sizeof offered - 1);
  asio::ssl::stream<net::Socket> stream(net::adopt_socket(f.io, std::move(f.acceptor->clients[0])), context);
  boost::system::error_code result = asio::error::would_block;
  stream.async_handshake(asio::ssl::stream_base::client,
                         [&](boost::system::error_code error) { result = error; });
  f.run();
  CHECK(f.came.size() == (wants_certificate ? 0 : 1));
  CHECK(f.rejected.size() == (wants_certificate ? 1 : 0));
  if (!wants_certificate) {
    CHECK_FALSE(result);
    CHECK(f.came[0].tls);
    const unsigned char* chosen = nullptr;
    unsigned int size = 0;
    ::SSL_get0_alpn_selected(stream.native_handle(), &chosen, &size);
    CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "h2");
    // The end is signed.
    f.came.clear();
    std::string bytes(10, '\0');
    boost::system::error_code end;
    stream.async_read_some(asio::buffer(bytes),
                           [&](boost::system::error_code error, std::size_t) { end = error; });
    f.run();
    CHECK(end == asio::error::eof);
    boost::system::error_code ignored;
    stream.next_layer().close(ignored);
  }
  f.run();
}

TEST_CASE("workers and inference servers listen where their clients look for them") {
  asio::io_context io{1};
  const auto open = [&](std::string_view endpoint, bool http) {
    ListenOptions options;
    options.http = http;
    options.listen.push_back(parse_endpoint(endpoint));
    const Listeners listeners(io, options, true, {});
  };
  CHECK_THROWS_WITH(open("http://127.0.0.1:0", false),
                    "http://127.0.0.1:0: a worker listens on tcp://, tls:// and unix: endpoints");
  CHECK_THROWS_WITH(
      open("tcp://127.0.0.1:0", true),
      "tcp://127.0.0.1:0: an inference server listens on http://, https:// and unix: endpoints");
  CHECK_THROWS_WITH(open("https://127.0.0.1:0", true), Catch::Contains("--tls-cert and --tls-key"));
  CHECK_THROWS_WITH(open("http://*:0", true), Catch::Contains("--allow-anonymous"));
  CHECK_NOTHROW(open("http://127.0.0.1:0", true));
}
