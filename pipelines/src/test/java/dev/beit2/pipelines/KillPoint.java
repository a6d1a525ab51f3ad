package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.fail;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.Method;
import com.sun.jdi.VMDisconnectedException;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.Connector;
import com.sun.jdi.connect.ListeningConnector;
import com.sun.jdi.event.BreakpointEvent;
import com.sun.jdi.event.ClassPrepareEvent;
import com.sun.jdi.event.Event;
import com.sun.jdi.event.EventSet;
import com.sun.jdi.request.BreakpointRequest;
import com.sun.jdi.request.ClassPrepareRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Where a program is to be killed: at the n-th call of a method. A debugger's breakpoint stops all
 * threads there, so the place does not depend on the speed of the machine.
 *
 * @param type the full name of the method's class
 * @param method its name; no other method of the class has it
 * @param call from 1
 */
record KillPoint(String type, String method, int call) {
  /**
   * Runs a Java program and kills it (SIGKILL) at this point.
   *
   * @param java the command line
   * @param log file for what the program writes to stdout and stderr
   * @return the exit code
   */
  int run(List<String> java, Path log) throws Exception {
    ListeningConnector debugger =
        Bootstrap.virtualMachineManager().listeningConnectors().stream()
            .filter(connector -> connector.name().equals("com.sun.jdi.SocketListen"))
            .findFirst()
            .orElseThrow();
    Map<String, Connector.Argument> arguments = debugger.defaultArguments();
    arguments.get("localAddress").setValue("127.0.0.1");
    arguments.get("timeout").setValue(Long.toString(TimeUnit.MINUTES.toMillis(10)));
    String address = debugger.startListening(arguments);
    List<String> line = new ArrayList<>(java);
    line.add(1, "-agentlib:jdwp=transport=dt_socket,suspend=y,address=" + address);
    Process process =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      await(debugger.accept(arguments));
    } catch (VMDisconnectedException e) {
      fail("ended with " + process.waitFor() + " before " + this + ": " + Files.readString(log));
    } finally {
      process.destroyForcibly().waitFor();
      debugger.stopListening(arguments);
    }
    return process.exitValue();
  }

  /** Returns when all threads of the program stand still at this point. */
  private void await(VirtualMachine program) throws InterruptedException {
    ClassPrepareRequest prepared = program.eventRequestManager().createClassPrepareRequest();
    prepared.addClassFilter(type);
    prepared.enable();
    while (true) {
      EventSet events = program.eventQueue().remove();
      for (Event event : events) {
        if (event instanceof BreakpointEvent) {
          return;
        }
        if (event instanceof ClassPrepareEvent loaded) {
          Method entered = loaded.referenceType().methodsByName(method).get(0);
          BreakpointRequest stop =
              program.eventRequestManager().createBreakpointRequest(entered.location());
          stop.addCountFilter(call);
          stop.enable();
        }
      }
      events.resume();
    }
  }
}
