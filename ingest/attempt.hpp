// Why something with Redis failed: one line for the log, without any secret.
#pragma once

#include <stdexcept>
#include <string>

#include <boost/system/result.hpp>

namespace corohub::ingest {

struct Failure {
  std::string why;
};

// Called by boost::system::result when value() is asked of a failure, which is a bug.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure,
                                                    const boost::source_location& /*where*/) {
  throw std::logic_error(failure.why);
}

template <class T = void>
using Attempt = boost::system::result<T, Failure>;

}  // namespace corohub::ingest
