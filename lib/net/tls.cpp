#include "net/tls.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/no_throw.hpp"
#include "net/timer.hpp"

namespace nn::net {
namespace {

using namespace asio::experimental::awaitable_operators;
namespace ssl = asio::ssl;
constexpr std::size_t chunk = 64 << 10;
constexpr std::chrono::seconds longest_end{2};
constexpr std::chrono::seconds longest_rest{30};  // of bytes whose sender has gone

// The two ends of a pair of sockets, and what is encrypted between one of them and the network.
class Bridge : public std::enable_shared_from_this<Bridge> {
 public:
  Bridge(ssl::stream<Socket> network, Socket plain, std::shared_ptr<std::size_t> open, bool says_goodbye)
      : network_(std::move(network)),
        plain_(std::move(plain)),
        rest_(plain_.get_executor()),
        open_(std::move(open)),
        says_goodbye_(says_goodbye) {
    ++*open_;
  }

  std::shared_ptr<const std::string> alert() const { return alert_; }

  asio::awaitable<void> run() {
    const auto self = shared_from_this();
    watch();
    co_await (receive() && send());
  }

  // Both sides see the end of the connection.
  void close() {
    boost::system::error_code ignored;
    network_.next_layer().close(ignored);
    plain_.close(ignored);
    rest_.cancel();
  }

 private:
  // Who has closed the pair's other end has no say any more in how long the network may take nothing, and
  // send() looks at that end only when it has sent what it read there.
  void watch() {
    plain_.async_wait(Socket::wait_error,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error) return;
                        self->rest_.expires_after(longest_rest);
                        self->rest_.wait([self](bool expired) {
                          if (expired) self->close();
                        });
                      });
  }

  asio::awaitable<void> receive() {
    std::vector<char> bytes(chunk);
    for (;;) {
      auto [error, n] = co_await network_.async_read_some(asio::buffer(bytes), no_throw);
      if (error) {
        keep(error);
        break;
      }
      auto [failed, written] = co_await asio::async_write(plain_, asio::buffer(bytes.data(), n), no_throw);
      if (failed) break;
    }
    boost::system::error_code ignored;
    plain_.shutdown(Socket::shutdown_send, ignored);
  }

  // Messages have lengths of their own, and an answer that doesn't come is missed: an end of the
  // connection need not be signed, but clients of the web expect it.
  asio::awaitable<void> send() {
    std::vector<char> bytes(chunk);
    for (;;) {
      auto [error, n] = co_await plain_.async_read_some(asio::buffer(bytes), no_throw);
      if (error) break;
      auto [failed, written] = co_await asio::async_write(network_, asio::buffer(bytes.data(), n), no_throw);
      if (failed) break;
    }
    // The other side may still have something to say, but not for ever.
    Timer limit(network_.get_executor(), longest_end);
    limit.wait([self = shared_from_this()](bool expired) {
      boost::system::error_code done;
      if (expired) self->network_.next_layer().close(done);
    });
    if (says_goodbye_) co_await network_.async_shutdown(no_throw);
    boost::system::error_code ignored;
    network_.next_layer().shutdown(Socket::shutdown_send, ignored);
    --*open_;
    co_await limit.wait();
  }

  // A server that refuses our certificate says so after the greeting (RFC 8446, 4.4).
  void keep(const boost::system::error_code& error) {
    if (error.category() == asio::error::get_ssl_category()) *alert_ = error.message();
  }

  ssl::stream<Socket> network_;
  Socket plain_;
  Timer rest_;
  std::shared_ptr<std::size_t> open_;
  const bool says_goodbye_;
  std::shared_ptr<std::string> alert_ = std::make_shared<std::string>();
};

bool is_client(Tls::Side side) { return side == Tls::Side::client || side == Tls::Side::web_client; }

void check_given(const TlsFiles& files, Tls::Side side) {
  const bool own = !files.cert.empty() && !files.key.empty();
  if (side == Tls::Side::web_client) {
    if (files.cert.empty() != files.key.empty()) fail_usage("a certificate and its private key go together");
  } else if (side == Tls::Side::web_server) {
    if (!own) fail_usage("an https:// endpoint needs --tls-cert and --tls-key");
  } else if (!own || files.ca.empty()) {
    fail_usage("a tls:// endpoint needs --tls-cert, --tls-key and --tls-ca");
  }
}

// The first of ours that the client knows; none of them is no error, since what it speaks shows soon.
int choose_protocol(SSL* /*connection*/, const unsigned char** out, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void* /*argument*/) {
  static constexpr unsigned char ours[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (::SSL_select_next_proto(&chosen, size, ours, sizeof ours - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

ssl::context context_from(const TlsFiles& files, Tls::Side side) {
  check_given(files, side);
  ssl::context c(ssl::context::tls);
  const bool web_client = side == Tls::Side::web_client, web_server = side == Tls::Side::web_server;
  ::SSL_CTX_set_min_proto_version(c.native_handle(),
                                  web_client || web_server ? TLS1_2_VERSION : TLS1_3_VERSION);
  if (web_server) {
    ::SSL_CTX_set_alpn_select_cb(c.native_handle(), &choose_protocol, nullptr);
    constexpr unsigned char name[] = "nn";  // sessions of clients with certificates are only resumed by name
    ::SSL_CTX_set_session_id_context(c.native_handle(), name, sizeof name - 1);
  }
  boost::system::error_code error;
  const auto check = [&](const std::string& path, const char* what) {
    if (error) throw data_error("no {} in PEM form can be read: {}", what, error.message()).within_file(path);
  };
  // Nobody is there to type a password.
  c.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
  if (!files.cert.empty()) {
    c.use_certificate_chain_file(files.cert, error);
    check(files.cert, "certificate");
    c.use_private_key_file(files.key, ssl::context::pem, error);
    check(files.key, "private key of the certificate");
    warn_if_public(files.key, "key");
  }
  if (!files.ca.empty()) {
    c.load_verify_file(files.ca, error);
    check(files.ca, "certificate");
  } else if (web_client) {
    c.set_default_verify_paths(error);
  }
  if (!files.ca.empty() || web_client) c.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return c;
}

std::string common_name(const ssl::stream<Socket>& stream) {
  const std::unique_ptr<X509, decltype(&::X509_free)> cert(
      ::SSL_get1_peer_certificate(const_cast<ssl::stream<Socket>&>(stream).native_handle()), &::X509_free);
  if (!cert) return {};
  std::array<char, 256> text{};
  const int n = ::X509_NAME_get_text_by_NID(::X509_get_subject_name(cert.get()), NID_commonName, text.data(),
                                            static_cast<int>(text.size()));
  return n > 0 ? printable({text.data(), static_cast<std::size_t>(n)}) : std::string();
}

[[noreturn]] void fail_handshake(const boost::system::error_code& error, ssl::stream<Socket>& stream) {
  if (error.category() != asio::error::get_ssl_category() &&
      error.category() != ssl::error::get_stream_category()) {
    fail(ErrorKind::unavailable, "TLS: {}", error.message());
  }
  const long verified = ::SSL_get_verify_result(stream.native_handle());
  if (verified != X509_V_OK)
    fail_data("the other side's certificate: {}", ::X509_verify_cert_error_string(verified));
  fail_data("TLS: {}", error.message());
}

struct Greeted {
  boost::system::error_code error;
};
asio::awaitable<Greeted> greet(ssl::stream<Socket>& stream, Tls::Side side) {
  auto [error] = co_await stream.async_handshake(
      is_client(side) ? ssl::stream_base::client : ssl::stream_base::server, no_throw);
  co_return Greeted{error};
}

}  // namespace

struct Tls::Context {
  Side side;
  ssl::context ssl;
  std::shared_ptr<std::size_t> open = std::make_shared<std::size_t>(0);
};

Tls::Tls(const TlsFiles& files, Side side)
    : context_(std::make_unique<Context>(Context{side, context_from(files, side)})) {}

Tls::~Tls() = default;

void Tls::renew(const TlsFiles& files) { context_->ssl = context_from(files, context_->side); }

std::size_t Tls::open() const { return *context_->open; }

asio::awaitable<Tls::Secured> Tls::secure(Socket socket, std::string host,
                                          std::chrono::milliseconds timeout) {
  const auto executor = socket.get_executor();
  ssl::stream<Socket> stream(std::move(socket), context_->ssl);
  if (is_client(context_->side)) {
    X509_VERIFY_PARAM* wanted = ::SSL_get0_param(stream.native_handle());
    if (::X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
      ::X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
      ::SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    }
    ::ERR_clear_error();
  }
  Timer timer(executor, timeout);
  const auto first = co_await (greet(stream, context_->side) || timer.wait());
  if (first.index() == 1) fail(ErrorKind::unavailable, "TLS: no answer within {} ms", timeout.count());
  if (const auto error = std::get<0>(first).error) fail_handshake(error, stream);

  auto [near_end, far_end] = socket_pair();
  const asio::generic::stream_protocol local(AF_UNIX, 0);
  Socket ours(executor, local, near_end.release()), theirs(executor, local, far_end.release());
  std::string peer = common_name(stream);
  const auto bridge = std::make_shared<Bridge>(std::move(stream), std::move(ours), context_->open,
                                               context_->side == Side::web_server);
  asio::co_spawn(
      executor, [bridge] { return bridge->run(); },
      [bridge](const std::exception_ptr& /*error*/) { bridge->close(); });
  co_return Secured{std::move(theirs), std::move(peer), bridge->alert()};
}

}  // namespace nn::net
