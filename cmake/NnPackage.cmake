# What `cmake --install` adds to tools, plugins, man pages and completions, and the Debian package.

install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/share/openapi.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/${PROJECT_NAME})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME nn-tools)
set(CPACK_PACKAGE_CONTACT "nn-tools maintainers <maintainers@nn-tools.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DESCRIPTION
    "Small Unix programs, one network per device, composed by pipes, files and
processes. They exchange tables in the Arrow streaming format, which pandas,
Polars, DuckDB, R and Spark read and write.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(NN_HAS_CUDA)
  # CUDA's libraries come from no Debian package: the plugin finds them or says what it misses.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CUDAToolkit_LIBRARY_DIR})
endif()
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/DebianLayout.cmake)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
