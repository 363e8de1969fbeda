// TLS: 1.3 with certificates on both sides, or as servers and clients of the web have it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/access.hpp"
#include "net/socket.hpp"

namespace nn::net {

class Tls {
 public:
  enum class Side : std::uint8_t {
    client,
    server,
    web_server,  // TLS 1.2 too; clients need a certificate only where `ca` is given; agrees on HTTP/2 or 1.1
    web_client   // TLS 1.2 too; needs no file: without `ca` those count whom the system trusts
  };
  // Reads the files. Usage error where one is not given, data errors that name the file.
  Tls(const TlsFiles& files, Side side);
  ~Tls();
  // New connections use these; where they can't be read, it throws and the old ones stay.
  void renew(const TlsFiles& files);

  struct Secured {
    Socket socket;     // of plain bytes, which go encrypted over the one that was given
    std::string peer;  // the common name in the other side's certificate; empty where it has none
    std::shared_ptr<const std::string> alert;  // why it ended the connection; empty until it does
  };
  // Greets the other side, which must have a certificate of the CA, if there is one; a client also wants it
  // to be for `host`. Data errors for certificates, unavailable errors for a connection that breaks or takes
  // longer than `timeout`.
  asio::awaitable<Secured> secure(Socket socket, std::string host, std::chrono::milliseconds timeout);
  // Connections that were not ended here, or have bytes to be sent yet.
  std::size_t open() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace nn::net
