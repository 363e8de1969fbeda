#include "http/response_head.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/json_text.hpp"

namespace nn::http {
namespace {

void add_number(std::size_t number, std::string& out) {
  char digits[24];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number);
  out.append(digits, end);
}

void add_field(std::string_view name, std::string_view value, std::string& out) {
  out += name;
  out += ": ";
  const std::size_t at = out.size();
  out += value;
  for (std::size_t i = at + plain_in_json(value); i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    if ((c < ' ' && c != '\t') || c == 127) out[i] = ' ';
  }
  out += "\r\n";
}

}  // namespace

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

std::string_view DateText::at(std::chrono::system_clock::time_point now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second == second_) return {text_.data(), text_.size()};
  second_ = second;
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  constexpr std::string_view days = "SunMonTueWedThuFriSat", months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto weekday = std::chrono::weekday(day).c_encoding();
  const auto month = static_cast<unsigned>(date.month()) - 1;
  fmt::format_to_n(text_.data(), text_.size(), "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                   days.substr(3 * weekday, 3), static_cast<unsigned>(date.day()),
                   months.substr(std::size_t{3} * month, 3), static_cast<int>(date.year()),
                   time.hours().count(), time.minutes().count(), time.seconds().count());
  return {text_.data(), text_.size()};
}

void write_head(const Response& response, std::size_t body_size, const HeadForm& form, std::string& out) {
  if (response.status == 200) {
    out.assign("HTTP/1.1 200 OK\r\n");
  } else {
    out.assign("HTTP/1.1 ");
    add_number(static_cast<std::size_t>(response.status), out);
    out += ' ';
    out += reason_of(response.status);
    out += "\r\n";
  }
  add_field("Date", form.date, out);
  if (has_body(response.status)) {
    if (!response.content_type.empty()) add_field("Content-Type", response.content_type, out);
    out += "Content-Length: ";
    add_number(body_size, out);
    out += "\r\n";
  }
  if (!form.content_encoding.empty()) add_field("Content-Encoding", form.content_encoding, out);
  if (form.varies) out += "Vary: Accept-Encoding\r\n";
  for (std::size_t i = 0; i < response.fields.size(); ++i) {
    const auto [name, value] = response.fields[i];
    add_field(name, value, out);
  }
  if (form.close) out += "Connection: close\r\n";
  if (form.keep_alive) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

}  // namespace nn::http
