// What the body and the header of a publish over REST say. Pure.
#pragma once

#include "gateway/session/publication.hpp"
#include "http/fields.hpp"
#include "http/request.hpp"

namespace corohub::gateway {

// {type?, data} and Idempotency-Key; without a target. invalid_request, validation_failed.
Result<Publication> read_publication(const http::Request& request);

// The same with {to: {user_id | role | topic | all}}.
Result<Publication> read_addressed_publication(const http::Request& request);

}  // namespace corohub::gateway
