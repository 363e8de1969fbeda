// For co_await in modules that see Asio: the error of an operation is a value instead of an exception.
//
//   auto [error, bytes] = co_await socket.async_read_some(buffer, no_throw);
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace nn::net {

inline constexpr auto no_throw = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace nn::net
