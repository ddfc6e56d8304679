// Boost.Asio and Boost.Beast are compiled here, once, for all other units (see sluice_asio in
// src/CMakeLists.txt).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
