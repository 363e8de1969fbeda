#include "http/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/ascii.hpp"
#include "base/text.hpp"

namespace nn::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using beast::http::field;

std::string_view plain(beast::string_view text) { return {text.data(), text.size()}; }

// Takes the next of a list that commas separate.
std::string_view next_of(std::string_view& list) {
  const auto comma = list.find(',');
  const std::string_view one = trim(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return one;
}

Method method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get: return Method::get;
    case beast::http::verb::head: return Method::head;
    case beast::http::verb::post: return Method::post;
    case beast::http::verb::put: return Method::put;
    case beast::http::verb::delete_: return Method::del;
    case beast::http::verb::options: return Method::options;
    default: return Method::other;
  }
}

// With a port or without; empty where the target's scheme has none (RFC 9110 7.2, RFC 3986 3.2.2).
bool may_be_host(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:[]") ==
         text.npos;
}

// A version that there is, or might be, but isn't ours.
bool has_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) && version[6] == '.' &&
         digit(version[7]);
}

constexpr std::size_t most_trailer = 8 << 10;
constexpr Fault bad_chunk{400, "a chunk of the body is wrong"};

// Is gzip, or everything, in the list of an Accept-Encoding, and not with a weight of 0?
bool accepts_gzip(std::string_view list) {
  bool any = false;
  while (!list.empty()) {
    std::string_view one = next_of(list);
    const auto semicolon = one.find(';');
    const std::string_view name = trim(one.substr(0, semicolon));
    bool wanted = true;
    if (semicolon != std::string_view::npos) {
      const std::string_view weight = trim(one.substr(semicolon + 1));
      wanted = !((weight.starts_with("q=") || weight.starts_with("Q=")) &&
                 weight.find_first_not_of("0.", 2) == std::string_view::npos);
    }
    if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip")) return wanted;
    if (name == "*") any = wanted;
  }
  return any;
}

void read_coding(std::string_view value, Coding& coding) {
  if (value.empty() || equal_ignoring_case(value, "identity")) return;
  if (coding != Coding::identity) {
    coding = Coding::unknown;
  } else if (equal_ignoring_case(value, "gzip") || equal_ignoring_case(value, "x-gzip")) {
    coding = Coding::gzip;
  } else {
    coding = equal_ignoring_case(value, "deflate") ? Coding::deflate : Coding::unknown;
  }
}

// Nothing where that is none, or for ever.
std::optional<std::chrono::milliseconds> read_timeout(std::string_view text, Fault& fault) {
  constexpr std::int64_t longest = 24 * 3600 * 1000;  // a day is for ever
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) {
    fault = {400, "X-Request-Timeout-Ms is not a whole number of milliseconds"};
    return std::nullopt;
  }
  std::int64_t ms = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (read.ec != std::errc() || ms > longest) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

}  // namespace

Demands read_demands(Head& head) {
  Demands demands;
  bool timed = false;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const auto [name, value] = head.fields[i];
    if (name == "accept-encoding") {
      demands.accepts_gzip = demands.accepts_gzip || accepts_gzip(value);
    } else if (name == "content-encoding") {
      read_coding(value, demands.coding);
    } else if (name == "expect") {
      demands.expects_continue = true;
      if (!equal_ignoring_case(value, "100-continue"))
        demands.fault = {417, "nothing but 100-continue can be expected"};
    } else if (name == "x-request-timeout-ms") {
      const auto time = read_timeout(value, demands.fault);
      if (std::exchange(timed, true)) demands.fault = {400, "X-Request-Timeout-Ms is there twice"};
      if (time) head.deadline = head.arrived + *time;
    }
  }
  return demands;
}

void split_target(std::string_view target, Head& head) {
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  head.path = target.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
}

void HeadText::clear() {
  head.method = Method::get;
  head.method_text = head.path = head.query = {};
  head.fields.clear();
  head.content_length.reset();
  head.deadline.reset();
  http10 = chunked = false;
  keep_alive = true;
  demands = {};
}

std::optional<std::size_t> HeadEnd::find(std::string_view bytes, Fault& fault) {
  while (seen_ < bytes.size()) {
    const auto* found =
        static_cast<const char*>(std::memchr(bytes.data() + seen_, '\n', bytes.size() - seen_));
    if (found == nullptr) {
      seen_ = bytes.size();
      break;
    }
    const auto at = static_cast<std::size_t>(found - bytes.data());
    if (at == line_ || bytes[at - 1] != '\r') {
      fault = {400, "a line of the head does not end with CR and LF"};
      return std::nullopt;
    }
    if (line_ != 0 && (bytes[line_] == ' ' || bytes[line_] == '\t')) {
      fault = {400, "a field of the head goes on in another line"};
      return std::nullopt;
    }
    if (at - line_ == 1) return at + 1;
    seen_ = line_ = at + 1;
  }
  // A method is a word; what begins otherwise is TLS, most likely.
  if (!bytes.empty() &&
      (static_cast<unsigned char>(bytes[0]) <= ' ' || static_cast<unsigned char>(bytes[0]) >= 127))
    fault = {400, "this is no request of HTTP"};
  return std::nullopt;
}

Fault RequestParser::parse_head(std::string_view head, HeadText& out, Clock::time_point arrived) {
  out.clear();
  out.head.arrived = arrived;
  out_ = &out;
  header_limit(static_cast<std::uint32_t>(head.size()));
  body_limit(boost::none);
  error_code error;
  const std::size_t taken = put(boost::asio::buffer(head.data(), head.size()), error);
  if (error == error::bad_version) {
    fail(has_version(head) ? 505 : 400, "the version of HTTP is not 1.0 or 1.1");
  } else if (error == error::bad_transfer_encoding || error == error::bad_content_length ||
             error == error::multiple_content_length) {
    fail(400, "the length of the body is not clear");
  } else if (error || taken != head.size()) {
    fail(400, "the head of the request is malformed");
  } else {
    out.keep_alive = keep_alive();
    out.chunked = chunked();
    if (const auto length = content_length()) out.head.content_length = *length;
    check_head();
  }
  out_ = nullptr;
  return fault_;
}

void RequestParser::check_head() {
  out_->demands = read_demands(out_->head);
  if (const Fault fault = out_->demands.fault) fail(fault.status, fault.message);
  if (!out_->http10 && hosts_ == 0) fail(400, "the request has no field Host");
  if (out_->http10 && transfer_encoding_) fail(400, "HTTP/1.0 has no Transfer-Encoding");
  if (transfer_encoding_ && !out_->chunked) fail(400, "the length of the body is not clear");
  if (out_->http10) out_->demands.expects_continue = false;
}

void RequestParser::fail(int status, const char* message) {
  if (!fault_) fault_ = {status, message};
}

void RequestParser::on_request_impl(beast::http::verb verb, string_view method, string_view target,
                                    int version, error_code& /*error*/) {
  out_->head.method = method_of(verb);
  out_->http10 = version == 10;
  take_target(plain(method), plain(target));
}

// "/path?query", "http://host/path?query" as proxies have it, or "*" for OPTIONS.
void RequestParser::take_target(std::string_view method, std::string_view target) {
  out_->line.assign(method);
  out_->line.append(target);
  const std::string_view line = out_->line;
  Head& head = out_->head;
  head.method_text = line.substr(0, method.size());
  std::string_view path = line.substr(method.size());
  if (path[0] != '/') {
    const auto scheme = path.find("://");
    if (scheme != std::string_view::npos && (equal_ignoring_case(path.substr(0, scheme), "http") ||
                                             equal_ignoring_case(path.substr(0, scheme), "https"))) {
      const auto slash = path.find_first_of("/?", scheme + 3);
      path = slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
    } else if (!(path == "*" && head.method == Method::options)) {
      fail(400, "the target of the request is no path");
    }
  }
  split_target(path, head);
}

void RequestParser::on_field_impl(field name, string_view text, string_view value, error_code& error) {
  if (out_ == nullptr) {  // behind the last chunk: nobody reads them
    trailer_ += text.size() + value.size();
    if (trailer_ > most_trailer) error = beast::http::error::header_limit;
    return;
  }
  const std::string_view v = plain(value);
  switch (name) {
    case field::host:
      if (++hosts_ > 1) fail(400, "the request has several fields Host");
      if (!may_be_host(v)) fail(400, "the field Host is no host");
      break;
    case field::content_length:
      if (++lengths_ > 1 || v.empty() || v.find_first_not_of("0123456789") != std::string_view::npos)
        fail(400, "the length of the body is not clear");
      break;
    case field::transfer_encoding: take_transfer_encoding(v); break;
    default: break;
  }
  out_->head.fields.add_lowered(plain(text), v);
}

void RequestParser::take_transfer_encoding(std::string_view value) {
  if (transfer_encoding_) return fail(400, "the length of the body is not clear");
  transfer_encoding_ = true;
  if (equal_ignoring_case(value, "chunked")) return;
  int others = 0;
  bool last = false;
  while (!value.empty() && !last) {
    last = equal_ignoring_case(next_of(value), "chunked");
    others += last ? 0 : 1;
  }
  const bool is_clear = last && value.empty() && others != 0;  // though nobody here can read it
  fail(is_clear ? 501 : 400, "the only Transfer-Encoding is chunked");
}

std::size_t RequestParser::take_chunks(std::string_view bytes, RequestBody& body, Fault& fault) {
  // Beast 1.81 takes it for granted that a last chunk that it has seen comes back with five bytes or more.
  if (unparsed_ == 3 && bytes.size() == 4 && bytes.substr(1, 2) == "\r\n") return 0;
  body_ = &body;
  fault_ = {};
  eager(true);
  error_code error;
  const std::size_t taken = put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  body_ = nullptr;
  unparsed_ = bytes.size() - taken;
  if (fault_) {
    fault = fault_;
  } else if (error && error != error::need_more) {
    fault = bad_chunk;
  }
  return taken;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*left*/, string_view bytes, error_code& error) {
  if ((fault_ = body_->append(plain(bytes)))) error = error::body_limit;
  return bytes.size();
}

}  // namespace nn::http
