#include "client/failure.hpp"

#include <stdexcept>

namespace corohub::client {

void throw_exception_from_error(const Failure& failure, const boost::source_location& /*where*/) {
  throw std::logic_error("value() of a failure: " + failure.what);
}

}  // namespace corohub::client
