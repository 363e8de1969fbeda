// A request of HTTP/1.1, HTTP/2 or gRPC, and its answer. What a handler sees of a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/status_code.hpp"

namespace nn::http {

enum class Method : std::uint8_t { get, head, post, put, del, options, other };

// Texts by name; names are lower-case. Keeps its memory when it is cleared. Names and values are valid until
// then.
class Fields {
 public:
  void add(std::string_view lower_case_name, std::string_view value);
  // The same with a name of any case.
  void add_lowered(std::string_view name, std::string_view value);
  // The first of that name; nothing where there is none.
  std::optional<std::string_view> find(std::string_view lower_case_name) const;
  void clear();
  std::size_t size() const { return places_.size(); }
  std::pair<std::string_view, std::string_view> operator[](std::size_t index) const;

 private:
  struct Place {
    std::uint32_t name, name_size, value, value_size;
  };
  std::string text_;
  std::vector<Place> places_;
};

// What comes before a body. Valid until the answer is complete.
struct Head {
  Method method = Method::get;
  std::string_view method_text;
  std::string_view path;   // as it was sent, without the query: not decoded
  std::string_view query;  // behind '?'
  Fields fields;
  std::optional<std::uint64_t> content_length;
  bool http2 = false;
  bool grpc = false;  // its content-type begins with application/grpc; the body is one message
  // When the client wants no answer any more, from grpc-timeout or x-request-timeout-ms; nothing: never.
  std::optional<Clock::time_point> deadline;
  Clock::time_point arrived;  // of its first byte
};

// Who asks. The same for all requests of a connection.
struct Peer {
  std::string name;    // "127.0.0.1:50312", "pid 17 uid 0": for logs
  bool admin = false;  // came in where only administrators do
  bool local = false;  // a process of this machine and of our user, or root's
  bool tls = false;
  bool metrics = false;      // came in where only metrics and health are told
  std::uint64_t number = 0;  // of the connection, from 1 on: no other one of the server has it
};

// An answer, filled in by a handler. Its memory is kept for the next one.
struct Response {
  int status = 200;                                    // of HTTP; gRPC's is 200 always
  std::string_view content_type = "application/json";  // a literal, or valid until it is sent
  Fields fields;                                       // besides content-type, content-length and connection
  std::string body;                                    // of gRPC: a message
  bool may_compress = false;  // a text that is worth it, where the client asks for that and the server may
  bool close = false;         // the connection ends with it
  StatusCode grpc_status = StatusCode::ok;
  std::string grpc_message;  // any text: it is percent-encoded on the way
  Fields trailers;           // of gRPC, besides those of the status

  void clear();
};

// What a handler keeps with an exchange. It stays there for the next request on the same connection, so that
// its memory can be used again: a handler finds its own by dynamic_cast, or puts another one in its place.
struct Work {
  virtual ~Work() = default;
  // The client has gone, or has cancelled the request, before it was answered: nobody wants the answer. In
  // the connection's thread, at most once for each request. The exchange must still be completed, by send():
  // a client that has only ended its own side, as it may, still gets the answer.
  virtual void gone() {}
};

// All calls in the connection's thread, that of its io_context.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  virtual ~Exchange() = default;

  virtual const Head& head() const = 0;
  virtual const Peer& peer() const = 0;
  // The body, whole, decompressed and without gRPC's prefix. 64 bytes behind its end may be read, as simdjson
  // does. The handler may change it. Valid until the answer is sent.
  virtual std::string_view body() const = 0;
  // Bytes that came and went for this exchange, as far as they are known; for logs.
  virtual std::uint64_t bytes_in() const = 0;
  virtual std::uint64_t bytes_out() const = 0;

  // To be filled in, then sent. Empty in the beginning.
  Response& response() { return response_; }
  // Sends the response, once, in the order in which requests came where the connection has one. Nothing is
  // sent to a client that is gone. From here on the exchange may be another request's.
  virtual void send() = 0;
  // A message of a stream, in response().body, which is empty afterwards. gRPC only; send() ends the stream,
  // with the status of the response and no further message.
  virtual void send_message() = 0;
  // Counts bytes of a stream's message that the handler holds for longer than the call with the bodies of all
  // requests. False where there is no room; else give_back() must follow, whatever becomes of the client.
  virtual bool hold(std::uint64_t bytes) = 0;
  virtual void give_back(std::uint64_t bytes) = 0;
  // The client is gone, or has cancelled.
  virtual bool gone() const = 0;

  std::shared_ptr<Work> work;

 protected:
  Response response_;
};

// What the server itself refuses a request with.
struct Refusal {
  int http_status = 400;
  StatusCode grpc_status = StatusCode::invalid_argument;  // where gRPC is asked for
  std::string message;
};

// What a server does with requests. Called in the connection's thread; must not throw but nn::Error and
// std::bad_alloc, which the server answers as an internal error.
class Handler {
 public:
  virtual ~Handler() = default;
  // The head has come, the body not: says how many bytes of it may come, after decompression, or fills in a
  // response and returns nothing. The response is then sent in place of "100 Continue", and the connection
  // ends where a body would follow that isn't small or not sent yet.
  virtual std::optional<std::uint64_t> begin(Exchange& exchange) = 0;
  // The body is there. Sends the answer, at once or later.
  virtual void handle(Exchange& exchange) = 0;

  // gRPC's streams of messages: is this path one of them? Then messages come one by one, each as the body,
  // which is valid during the call; half_closed() is called once, after the last of them.
  virtual bool is_stream(const Head& head) = 0;
  virtual void message(Exchange& exchange) = 0;
  virtual void half_closed(Exchange& exchange) = 0;

  // An exchange has been sent to its end, or given up. For counters and logs; `sent` is false where the
  // client was gone.
  virtual void done(Exchange& exchange, bool sent) = 0;
  // The server itself refuses a request, before begin() (a head that is wrong or too long; the path is empty
  // where it isn't known) or after it (a body that is too large or too slow). May say more in the message.
  // Says it in the response's body, in the form of its protocol, but for gRPC, where the message is all and
  // the response is left alone. done() follows, also where begin() wasn't called.
  virtual void refuse(Exchange& exchange, Refusal& refusal) = 0;
};

}  // namespace nn::http
