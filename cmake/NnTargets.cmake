# nn_options(TARGET): the compile options of all our own targets.
function(nn_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor
                                           # false alarms on std::string in GCC 12 (bug 105651)
                                           $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                           # a part of clang's -Wconversion, and not of GCC's
                                           $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>)
  if(NN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(NN_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${NN_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${NN_SANITIZE})
  endif()
  if(NN_FUZZ)
    # clang 14 cannot compile coroutines with the sanitizer of function pointers.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link -fno-sanitize=function)
  endif()
endfunction()

# nn_library(NAME SOURCES… USES module… PRIVATE library…): static library nn::NAME.
# USES are our modules, the arrows of the design, which tests/house/arrows compares with what is
# included; PRIVATE is what its users must not see.
function(nn_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  string(REPLACE ";" " " uses "${arg_USES}")
  set_property(GLOBAL APPEND PROPERTY NN_MODULES "${name}: ${uses}")
  add_library(nn_${name} STATIC ${arg_SOURCES})
  add_library(nn::${name} ALIAS nn_${name})
  target_include_directories(nn_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  foreach(module IN LISTS arg_USES)
    target_link_libraries(nn_${name} PUBLIC nn::${module})
  endforeach()
  target_link_libraries(nn_${name} PRIVATE ${arg_PRIVATE})
  nn_options(nn_${name})
endfunction()

# nn_schema(TARGET file.fbs…): C++ headers of schemas/*.fbs for TARGET only.
function(nn_schema target)
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/generated)
  foreach(schema IN LISTS ARGN)
    set(source ${PROJECT_SOURCE_DIR}/schemas/${schema})
    get_filename_component(stem ${schema} NAME_WE)
    set(header ${directory}/${stem}_generated.h)
    add_custom_command(
      OUTPUT ${header}
      COMMAND flatbuffers::flatc --cpp --scoped-enums --cpp-std c++17 --warnings-as-errors -o ${directory} ${source}
      DEPENDS ${source}
      VERBATIM)
    target_sources(${target} PRIVATE ${header})
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE ${directory})
endfunction()

# nn_unit_test(MODULE SOURCES… USES module… PRIVATE library… LABEL label): Catch2 binary unit-MODULE.
function(nn_unit_test module)
  cmake_parse_arguments(arg "" "LABEL" "SOURCES;USES;PRIVATE" ${ARGN})
  add_executable(unit-${module} ${arg_SOURCES})
  foreach(used IN LISTS arg_USES)
    target_link_libraries(unit-${module} PRIVATE nn::${used})
  endforeach()
  target_link_libraries(unit-${module} PRIVATE nn_test_main ${arg_PRIVATE})
  nn_options(unit-${module})
  if(arg_LABEL)
    set(properties PROPERTIES LABELS ${arg_LABEL})
  endif()
  catch_discover_tests(unit-${module} TEST_PREFIX "unit.${module}: " DISCOVERY_MODE PRE_TEST ${properties})
endfunction()
