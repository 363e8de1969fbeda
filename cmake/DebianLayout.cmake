# What Debian's policy wants of an installed tree, between `cmake --install` and the package; CPack runs this.
file(GLOB_RECURSE pages ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/man/*.[1-8])
set(doc ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/${CPACK_PACKAGE_NAME})

# The package's own changelog, by the date of the sources where SOURCE_DATE_EPOCH says it.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * ${CPACK_PACKAGE_NAME} ${CPACK_PACKAGE_VERSION}: see CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
execute_process(COMMAND gzip -9n ${pages} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)

# Where CUDA's libraries are on the machine that builds the plugin says nothing about the one that loads it: there
# ldconfig knows them.
file(GLOB_RECURSE plugins ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/lib/nn-*.so)
foreach(plugin IN LISTS plugins)
  file(RPATH_REMOVE FILE ${plugin})
endforeach()
