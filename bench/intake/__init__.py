"""Generated bad and odd uploads, each with the code that intake must answer.

photos           files that claim to be photos
jpegs, pngs      JPEGs and PNGs in all their forms, and with every fault
containers       WebPs, AVIFs and HEICs, and what their containers lie about
archives         zips, tars and what is neither
requests         requests and keys
random_requests  random requests
profiles         colour profiles
pictures         drawn pictures, from which the others are made
measured         the process that reads one file
"""
