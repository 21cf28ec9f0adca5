// Why a request to a server failed, as a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/system/result.hpp>

namespace corohub::client {

struct Failure {
  enum class Kind : std::uint8_t {
    usage,        // the request makes no sense
    unreachable,  // no connection, or it was lost
    protocol,     // the peer does not speak as corohub does
    refused,      // by the server; `status` says how
    interrupted,  // the user wants to go
  };

  Kind kind = Kind::protocol;
  std::string what;  // one sentence for the user, without secrets
  int status = 0;    // of a refusal
  std::optional<std::chrono::seconds> retry_after = {};
};

// Called by boost::system::result when value() is asked of a failure, which is a bug: throws.
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

template <class T = void>
using Attempt = boost::system::result<T, Failure>;

}  // namespace corohub::client
