// The former place of Descriptor, for paths.cpp.
#pragma once

#include "base/descriptor.hpp"
