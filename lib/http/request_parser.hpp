// The head of a request of HTTP/1.1, and its body where that comes in chunks. Internal to this module.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.hpp"
#include "http/request_body.hpp"

namespace nn::http {

// What fields of a head ask of the connection, over HTTP/1.1 and HTTP/2 alike.
struct Demands {
  Coding coding = Coding::identity;  // of the body; unknown where there are several
  bool accepts_gzip = false;         // or anything, and not with a weight of 0
  bool expects_continue = false;
  Fault fault;  // one of them is malformed
};
// Sets the head's deadline as well, from X-Request-Timeout-Ms.
Demands read_demands(Head& head);

// What a head says to the connection, besides what handlers see.
struct HeadText {
  Head head;
  std::string line;  // method and target
  bool http10 = false;
  bool keep_alive = true;
  bool chunked = false;
  Demands demands;

  void clear();
  bool body_follows() const { return chunked || head.content_length.value_or(0) != 0; }
};

// "/path?query#fragment" as the head's path and query.
void split_target(std::string_view target, Head& head);

// Looks for the end of a head in bytes that come piece by piece.
class HeadEnd {
 public:
  void start() { seen_ = line_ = 0; }
  // The size of the head with the empty line that ends it, once that is there. A fault where the bytes are
  // no head, whatever follows.
  std::optional<std::size_t> find(std::string_view bytes, Fault& fault);

 private:
  std::size_t seen_ = 0, line_ = 0;
};

// One for each request.
class RequestParser : private boost::beast::http::basic_parser<true> {
  using Base = boost::beast::http::basic_parser<true>;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  using field = boost::beast::http::field;

 public:
  // Fills in `out` from a head that is whole. `arrived` is when its first byte came.
  Fault parse_head(std::string_view head, HeadText& out, Clock::time_point arrived);
  // Takes what can be taken of a body in chunks, and says how much that was. complete() where it has ended.
  std::size_t take_chunks(std::string_view bytes, RequestBody& body, Fault& fault);
  bool complete() const { return is_done(); }

 private:
  void on_request_impl(boost::beast::http::verb verb, string_view method, string_view target, int version,
                       error_code& error) override;
  void on_response_impl(int /*code*/, string_view /*reason*/, int /*version*/,
                        error_code& /*error*/) override {}
  void on_field_impl(field name, string_view text, string_view value, error_code& error) override;
  void on_header_impl(error_code& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, error_code& /*error*/) override {}
  std::size_t on_body_impl(string_view bytes, error_code& /*error*/) override { return bytes.size(); }
  void on_chunk_header_impl(std::uint64_t /*size*/, string_view /*extensions*/,
                            error_code& /*error*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t left, string_view bytes, error_code& error) override;
  void on_finish_impl(error_code& /*error*/) override {}

  void take_target(std::string_view method, std::string_view target);
  void take_transfer_encoding(std::string_view value);
  void fail(int status, const char* message);
  void check_head();

  HeadText* out_ = nullptr;      // while the head is parsed
  RequestBody* body_ = nullptr;  // while a body is
  Fault fault_;
  int hosts_ = 0, lengths_ = 0;
  std::size_t trailer_ = 0;
  std::size_t unparsed_ = 0;  // bytes of chunks that were looked at, but not taken
  bool transfer_encoding_ = false;
};

}  // namespace nn::http
